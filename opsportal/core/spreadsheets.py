"""Cells of an export that no spreadsheet takes for a formula."""

from datetime import datetime
from typing import Final

_STARTS_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> str | int | float:
    """The value as a cell: None is empty, times are ISO 8601, numbers stay numbers, text never runs as a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text
