"""JSON as it may enter: bounded, and clean enough for PostgreSQL.

Stands apart from `core.api`, since DRF imports its default parser while its own views are still loading.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from rest_framework import exceptions
from rest_framework.parsers import BaseParser

from opsportal.core.markdown import clean_text

MAX_BODY: Final = 262_144
MAX_DEPTH: Final = 64
MAX_INTEGER: Final = 2**63 - 1
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS: Final = re.compile(rb"[^\[\]{}]+")


class PayloadTooLargeError(exceptions.APIException):
    status_code = 413
    default_detail = f"More than {MAX_BODY // 1024} KiB in one body."
    default_code = "too_large"


def _refuse_depth(body: bytes) -> None:
    depth = 0
    for bracket in _NOT_BRACKETS.sub(b"", _STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise exceptions.ParseError(f"JSON nested deeper than {MAX_DEPTH}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {clean_text(key): value for key, value in pairs}
    if len(found) != len(pairs):
        raise exceptions.ParseError("A JSON object names one key twice.")
    return found


def _no_constant(text: str) -> Any:
    raise exceptions.ParseError(f"{text} is not JSON.")


def _integer(text: str) -> int:
    # Longer texts are refused unparsed: Python's own limit is far beyond ours, and slow.
    if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
        raise exceptions.ParseError("An integer is larger than 2^63 - 1.")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise exceptions.ParseError("A number is too large.")
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return value


def parse_json(body: bytes, *, is_cleaned: bool = True) -> Any:
    """JSON as PostgreSQL can hold it: bounded size, depth and integers; NUL and lone surrogates replaced.

    Without `is_cleaned` its texts stay as they came, for a signature over them. Raises APIException with 400 or 413.
    """
    if len(body) > MAX_BODY:
        raise PayloadTooLargeError
    _refuse_depth(body)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except (ValueError, RecursionError) as error:
        raise exceptions.ParseError(f"The body is not JSON in UTF-8: {error}.") from error
    return _clean(value) if is_cleaned else value


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        del media_type, parser_context
        return parse_json(stream.read(MAX_BODY + 1))
