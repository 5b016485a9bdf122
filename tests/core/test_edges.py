"""Text, JSON, pages, cache and logs at the portal's edges."""

import json
import logging
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings
from rest_framework import exceptions

from opsportal.core.cache import FailSilentRedisCache
from opsportal.core.logs import JsonFormatter
from opsportal.core.markdown import clean_text, is_safe_url, render_markdown
from opsportal.core.pagination import BadCursorError, keyset_page
from opsportal.core.strict_json import PayloadTooLargeError, parse_json
from opsportal.platforms.models import Platform
from tests.factories.platforms import PlatformFactory


def test_text_that_cannot_be_stored_is_replaced() -> None:
    assert clean_text("a\x00b\ud800c\r\nd\re") == "a\ufffdb\ufffdc\nd\ne"
    assert clean_text("\u202eא") == "\u202eא"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://tracker.example/p.gif)",
        '<div hx-get="/x" hx-trigger="load" style="x">',
        "<a href='https://x' onclick='y'>z</a>",
    ],
)
def test_markdown_lets_nothing_active_through(text: str) -> None:
    for tag in re.findall(r"<[^>]*>", str(render_markdown(text))):
        assert re.fullmatch(r"</?p>|<a href=\"(https?|mailto):[^\"]*\" rel=\"[a-z ]+\">|</a>", tag)


def test_markdown_keeps_what_people_write() -> None:
    html = str(render_markdown("# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- **x** [y](https://example.org)"))
    assert "<h2>A</h2>" in html
    assert "<td>1</td>" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_only_plain_schemes_are_links() -> None:
    assert is_safe_url("https://example.org")
    assert is_safe_url("mailto:a@example.org")
    for url in ("javascript:x", "//example.org", "data:text/html,x", "http://[", "  JavaScript:x"):
        assert not is_safe_url(url)


@pytest.mark.parametrize(
    "body", [b"{", b"NaN", b"Infinity", b"1e999", b"9223372036854775808", b"9" * 5000, b'{"a":1,"a":2}', b"\xff", b""]
)
def test_json_outside_the_rules_is_refused(body: bytes) -> None:
    with pytest.raises(exceptions.ParseError):
        parse_json(body)


def test_json_depth_counts_brackets_outside_strings_only() -> None:
    assert parse_json(b'{"a": "' + b"[" * 200 + b'"}') == {"a": "[" * 200}
    assert parse_json(b"[" * 64 + b"]" * 64)
    with pytest.raises(exceptions.ParseError, match="deeper"):
        parse_json(b"[" * 65 + b"]" * 65)
    started = time.monotonic()
    with pytest.raises(exceptions.ParseError):
        parse_json(b"[" * 200_000)
    assert time.monotonic() - started < 2


def test_json_is_cleaned_and_bounded() -> None:
    assert parse_json(rb'{"a\u0000": ["\ud800", 1, null, true, 1.5, 9223372036854775807]}') == {
        "a\ufffd": ["\ufffd", 1, None, True, 1.5, 2**63 - 1]
    }
    with pytest.raises(PayloadTooLargeError):
        parse_json(b'"' + b"x" * 300_000 + b'"')


def test_keyset_pages_survive_inserts_and_go_both_ways(db: None) -> None:
    for n in range(6):
        PlatformFactory.create(key=f"p{n}", name=f"N{n // 2}")
    order = ("-name", "pk")
    first = keyset_page(Platform.objects.all(), order=order, cursor=None, size=2)
    assert [row.key for row in first.rows] == ["p4", "p5"]
    assert first.previous_cursor is None
    PlatformFactory.create(key="p9", name="N9")
    second = keyset_page(Platform.objects.all(), order=order, cursor=first.next_cursor, size=2)
    assert [row.key for row in second.rows] == ["p2", "p3"]
    back = keyset_page(Platform.objects.all(), order=order, cursor=second.previous_cursor, size=2)
    assert [row.key for row in back.rows] == ["p4", "p5"]
    last = keyset_page(Platform.objects.all(), order=order, cursor=second.next_cursor, size=2)
    assert [row.key for row in last.rows] == ["p0", "p1"]
    assert last.next_cursor is None


def test_keyset_orders_by_instants(db: None) -> None:
    for n in range(3):
        PlatformFactory.create(key=f"p{n}", created_at=datetime(2026, 1, n + 1, tzinfo=UTC))
    first = keyset_page(Platform.objects.all(), order=("-created_at", "-pk"), cursor=None, size=2)
    rest = keyset_page(Platform.objects.all(), order=("-created_at", "-pk"), cursor=first.next_cursor, size=2)
    assert [row.key for row in (*first.rows, *rest.rows)] == ["p2", "p1", "p0"]


@pytest.mark.parametrize("cursor", ["x", "", "W10", "eyJhIjoxfQ", "\ud800", "WyJuZXh0IiwiXHUwMDAwIiwxXQ", "a" * 5000])
def test_broken_cursor_is_the_askers_fault(cursor: str, db: None) -> None:
    if not cursor:
        assert keyset_page(Platform.objects.all(), order=("name", "pk"), cursor=cursor).rows == []
        return
    with pytest.raises(BadCursorError):
        keyset_page(Platform.objects.all(), order=("name", "pk"), cursor=cursor)


def test_cache_without_redis_misses_fast_and_stays_quiet() -> None:
    cache = FailSilentRedisCache(
        "redis://127.0.0.1:1/0", {"OPTIONS": {"socket_timeout": 0.1, "socket_connect_timeout": 0.1}}
    )
    started = time.monotonic()
    for _ in range(50):
        assert cache.get("x", "fallback") == "fallback"
        cache.set("x", 1)
        assert cache.get_many(["x"]) == {}
        assert cache.add("x", 1)
        assert cache.incr("x") == 1
    assert time.monotonic() - started < 1


def test_log_line_is_json_with_secrets_blanked() -> None:
    record = logging.LogRecord("opsportal.x", logging.INFO, "f", 1, "signed in %s", ("Ada",), None)
    line: dict[str, Any] = json.loads(JsonFormatter().format(record))
    assert line["event"] == "signed in Ada"
    assert line["level"] == "info"
    import structlog

    from opsportal.core.logs import _blank_secrets

    event = _blank_secrets(structlog.get_logger(), "info", {"event": "x", "api_token": "ops_1_x", "user": 1})
    assert event["api_token"] == "***"


def test_unknown_page_says_404_and_nul_says_400(db: None) -> None:
    client = Client(raise_request_exception=False)
    assert client.get("/no-such-page/").status_code == 404
    assert client.get("/?q=%00").status_code == 400
    assert client.get("/%00").status_code == 400


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_form_over_the_limit_is_413_or_400(db: None) -> None:
    client = Client(raise_request_exception=False)
    body = "login=" + "x" * 5000
    answer = client.post("/accounts/login/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (400, 413)


def test_headers_are_strict_on_every_answer(db: None) -> None:
    answer = Client().get("/accounts/login/", follow=True)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "app;dur=" in answer["Server-Timing"]
