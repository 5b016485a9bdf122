"""The hand list: what a hostile or broken client sends."""

from collections.abc import Mapping
from typing import cast
from urllib.parse import quote_from_bytes

from django.http import HttpResponse
from django.test import Client

BAD_TEXTS = {
    "nul": "a\x00b",
    "lone-surrogate": "a\ud800b",
    "right-to-left": "a\u202eb\u2066c",
    "zero-width": "\u200b\u200d\ufeff",
    "markup": "<script>alert(1)</script>",
    "markdown-link": "[x](javascript:alert(1))",
    "template": "{{ 7*7 }}{% debug %}",
    "sql": "'; DROP TABLE users; --",
    "emoji": "\U0001f9d1\u200d\U0001f692",
    "long": "x" * 100_000,
    "blank": "   ",
    "newlines": "a\r\nb\rc\u2028d",
    "huge-number": str(2**63),
    "far-year": "9999-12-31T23:59:59Z",
}

BAD_BODIES = {
    "nul": b'{"name": "a\\u0000b"}',
    "lone-surrogate": b'{"name": "a\\ud800b"}',
    "deep": b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge-number": b'{"name": 9223372036854775808}',
    "endless-number": b'{"name": ' + b"9" * 10_000 + b"}",
    "infinity": b'{"name": 1e999}',
    "nan": b'{"name": NaN}',
    "bad-utf-8": b'{"name": "\xff\xfe"}',
    "cut": b'{"name": "',
    "twice": b'{"name": "a", "name": "b"}',
    "array": b"[]",
    "text": b'"x"',
    "empty": b"",
    "ten-megabytes": b'{"name": "' + b"x" * 10_485_760 + b'"}',
}


def post_form(client: Client, url: str, fields: Mapping[str, str], **headers: str) -> HttpResponse:
    """Post a form byte by byte, lone surrogates and NUL included; a fault in the view becomes a 500, not a raise."""
    body = "&".join(
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}" for name, value in fields.items()
    )
    client.raise_request_exception = False
    answer = client.post(url, body, content_type="application/x-www-form-urlencoded", headers=headers or None)
    return cast("HttpResponse", answer)
