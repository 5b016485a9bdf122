"""Page or fragment: the view names the block, htmx's headers only say whether a part is wanted."""

from pathlib import Path
from urllib.parse import unquote

import jinja2
import pytest
from django.http import HttpRequest
from django.template import engines
from django.test import RequestFactory

from opsportal.core.htmx import local_url, redirect_or_fragment, render_page, wants_fragment

PAGE = "<html>{% block part %}<p>{{ word }}{{ csrf_token | length > 10 }}</p>{% endblock %}</html>"


@pytest.fixture(autouse=True)
def _page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text(PAGE, encoding="utf-8")
    backend = engines["jinja2"]
    monkeypatch.setattr(backend.env, "loader", jinja2.FileSystemLoader(tmp_path))  # type: ignore[attr-defined]
    monkeypatch.setattr(backend, "context_processors", [])
    monkeypatch.setitem(backend.__dict__, "template_context_processors", [])


def request(**headers: str) -> HttpRequest:
    return RequestFactory().get("/", headers=headers)


def test_a_plain_request_gets_the_page_and_vary() -> None:
    response = render_page(request(), "page.html", {"word": "hello"}, fragment="part")
    assert response.content.decode() == "<html><p>helloTrue</p></html>"
    assert "HX-Request" in response["Vary"]


def test_htmx_gets_the_named_block_alone() -> None:
    response = render_page(
        request(**{"HX-Request": "true"}), "page.html", {"word": "hello"}, fragment="part", status=422
    )
    assert response.content.decode() == "<p>helloTrue</p>"
    assert response.status_code == 422


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_navigation_and_history_get_the_page(header: str) -> None:
    asked = request(**{"HX-Request": "true", header: "true"})
    assert not wants_fragment(asked)
    assert b"<html>" in render_page(asked, "page.html", {"word": "x"}, fragment="part").content


def test_a_plain_post_is_redirected() -> None:
    response = redirect_or_fragment(request(), "/done/", toast="Saved")
    assert (response.status_code, response["Location"]) == (303, "/done/")


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_only_a_post_that_was_taken_lets_the_browser_forget_what_it_kept_of_that_form(headers: dict[str, str]) -> None:
    asked = RequestFactory().post("/reviews/é 7/", headers=headers)
    said = redirect_or_fragment(asked, "/done/").cookies["saved"]
    assert unquote(said.value) == asked.path
    assert not said["httponly"]  # the page's script reads it
    assert not render_page(asked, "page.html", {"word": "x"}, status=422).cookies


def test_htmx_follows_or_gets_the_block_with_a_toast() -> None:
    asked = request(**{"HX-Request": "true"})
    assert redirect_or_fragment(asked, "/done/")["HX-Redirect"] == "/done/"
    response = redirect_or_fragment(
        asked, "/done/", template="page.html", fragment="part", context={"word": "x"}, toast="Tick “5” kept\nhere"
    )
    assert response.content.decode() == "<p>xTrue</p>"
    assert response["X-Toast"] == "Tick &#8220;5&#8221; kept here"


@pytest.mark.parametrize("bad", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_next_stays_on_this_host(bad: str) -> None:
    assert local_url(request(), bad, "/safe/") == "/safe/"
    assert local_url(request(), "/incidents/7/", "/safe/") == "/incidents/7/"
