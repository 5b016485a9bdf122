"""Markdown that leaves the portal holds no raw HTML, and shows what it showed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.core.markdown import html_as_text, render_markdown
from tests.e2e.hostile import CORPUS, SHORT, html_in

MARKUP = ("<b>", "</b>", "<!-- x -->", "<br/>", "<?x?>", "<div>", "<script>", "a < b")
AROUND = ("`", "``", "```", "~~~", "\\", "\n", "\n\n", " ", "    ", "- ", "> ", "| ", "|---|\n", "x", "1. ", "&lt;")


def test_the_viewers_hand_on_what_is_not_escaped() -> None:
    assert sum(bool(html_in(text)) for text in (SHORT, *CORPUS)) > 25


@pytest.mark.parametrize("text", [SHORT, *CORPUS, "\n\n".join(CORPUS)])
def test_no_hostile_text_is_html_in_a_file(text: str) -> None:
    assert html_in(html_as_text(text)) == []


@given(st.lists(st.sampled_from(MARKUP + AROUND), max_size=24).map("".join))
def test_whatever_stands_around_it_nothing_is_html_and_nothing_else_is_shown(text: str) -> None:
    escaped = html_as_text(text)
    assert html_in(escaped) == []
    if "`" not in text and "~" not in text and "    " not in text:  # outside of code
        assert render_markdown(escaped) == render_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "`<b>` and ``<i> ` <u>``",
        "```html\n<script>\n```",
        "    <script>",
        "- a\n\n      <b>",
        "p99 < 3 s, a<3, x <= y",
        "<https://x.example/a?b> and <mailto:ops@x.example>",
    ],
)
def test_code_figures_and_links_stay_as_typed(text: str) -> None:
    assert html_as_text(text) == text
    assert html_as_text(f"{text}\n\n<b>").startswith(text)


def test_code_that_another_reading_would_not_take_for_code_is_escaped_too() -> None:
    assert html_as_text("`a\n<div>\nb`") == "`a\n&lt;div>\nb`"
    assert html_as_text("| ` | `<b>` |\n|---|---|") == "| ` | `&lt;b>` |\n|---|---|"
    assert html_as_text("\U000f0000 `<b>`") == "\U000f0000 `&lt;b>`"


def test_what_a_slash_escaped_is_shown_without_it() -> None:
    assert html_as_text(r"\<b> \\<b>") == r"&lt;b> \\&lt;b>"
