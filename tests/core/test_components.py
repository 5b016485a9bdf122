"""Components: safe, accessible, complete; the icon sprite is what the package draws."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest
from django import forms
from django.conf import settings
from django.template import engines

from opsportal.core import icons

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture
def render() -> Callable[..., str]:
    environment: jinja2.Environment = engines["jinja2"].env  # type: ignore[attr-defined]

    def draw(source: str, **context: Any) -> str:
        return environment.from_string(source).render(**context)

    return draw


def test_the_sprite_is_what_the_icon_package_draws() -> None:
    static_files = Path(settings.BASE_DIR) / "static"
    assert (static_files / "icons.svg").read_text(encoding="utf-8") == icons.sprite()
    assert (static_files / "css" / "marks.css").read_text(encoding="utf-8") == icons.marks_css()


def test_an_icon_outside_the_sprite_is_drawn_in_place() -> None:
    assert 'viewBox="0 0 24 24"' in icons.icon("anchor")
    assert "#siren" in icons.icon("siren")
    assert 'aria-label="A &amp; B"' in icons.icon("siren", label="A & B")


def test_every_value_is_escaped(render: Callable[..., str]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    page = render(
        "{{ ui.badge(x) }}{{ ui.sev(1, x) }}{{ ui.chip('ok', x, x, x, x) }}{{ ui.note('fail', x, x) }}"
        "{{ ui.input('n', x, x) }}"
        "{{ ui.button(x, attrs={'data-x': x}) }}{{ ui.kv([(x, x)]) }}{{ ui.copy(x) }}{{ ui.empty(x, x) }}"
        "{{ ui.go(x, x) }}",
        x=evil,
    )
    assert "<img" not in page


def test_severity_says_its_rank_to_the_ear(render: Callable[..., str]) -> None:
    assert "(critical)" in render("{{ ui.sev(1, 'P0') }}")
    assert "(medium)" not in render("{{ ui.sev(3, 'Medium') }}")


def test_a_failed_check_is_never_shown_as_ticked(render: Callable[..., str]) -> None:
    for kind in ("fail", "unknown", "stale", "warn", "run"):
        assert "circle-check" not in render("{{ ui.chip(kind, 'x') }}{{ ui.state(kind) }}", kind=kind)


def test_a_time_carries_its_exact_instant(render: Callable[..., str]) -> None:
    page = render("{{ ui.time(at, 'when') }}", at=AT)
    assert 'datetime="2026-03-10T09:00:00Z"' in page
    assert "2026-03-10 09:00:00" in page


class SampleForm(forms.Form):
    text = forms.CharField(help_text="Short.", widget=forms.Textarea)
    mode = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    agreed = forms.BooleanField()


def test_a_field_ties_label_hint_and_error_to_its_control(render: Callable[..., str]) -> None:
    form = SampleForm(data={})
    page = render("{% for bound in form %}{{ ui.field(bound) }}{% endfor %}", form=form)
    assert '<label for="id_text">Text</label>' in page
    assert 'aria-describedby="id_text-error id_text-hint"' in page
    assert 'aria-invalid="true"' in page
    assert "<legend" in page
    assert page.count("This field is required.") == 3


def test_a_form_carries_csrf_version_and_key_by_itself(render: Callable[..., str]) -> None:
    source = "{% call ui.form('/x/', target='part', version=3, key='k1') %}body{% endcall %}"
    page = render(source, csrf_input="CSRF")
    assert "CSRF" in page
    assert 'action="/x/" method="post"' in page
    assert 'hx-post="/x/" hx-target="#part"' in page
    assert 'name="version" value="3"' in page
    assert 'name="idempotency_key" value="k1"' in page


def test_a_get_form_carries_no_token(render: Callable[..., str]) -> None:
    assert "CSRF" not in render("{% call ui.form('/x/', method='get') %}{% endcall %}", csrf_input="CSRF")


def test_a_live_part_knows_its_topic_and_itself(render: Callable[..., str]) -> None:
    page = render("{% call ui.live('today', '/now/', 'today-now') %}x{% endcall %}")
    assert 'id="today-now"' in page
    assert 'data-live="today"' in page
    assert 'hx-get="/now/"' in page


def test_an_unknown_component_is_a_fault(render: Callable[..., str]) -> None:
    with pytest.raises(jinja2.UndefinedError, match="nonsense"):
        render("{{ ui.nonsense() }}")


def test_an_unknown_name_is_a_fault(render: Callable[..., str]) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("{{ missing }}")


def test_no_template_holds_inline_style_or_script() -> None:
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for bad in (" style=", "<style", " onclick=", " onchange=", "javascript:", "hx-on"):
            assert bad not in text, f"{path}: {bad}"


def test_the_style_sheets_stay_under_their_budget() -> None:
    sheets = b"".join(path.read_bytes() for path in sorted((Path(settings.BASE_DIR) / "static" / "css").glob("*.css")))
    assert len(gzip.compress(sheets, 9)) <= 20_000


def test_every_module_stays_small() -> None:
    for path in (Path(settings.BASE_DIR) / "static" / "js").glob("*.js"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path
