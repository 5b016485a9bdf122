"""An export never hands a spreadsheet a formula, and leaves what is harmless as it is."""

from datetime import UTC, datetime

import pytest

from opsportal.core.spreadsheets import safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_begins_like_a_formula_is_quoted(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value, cell",
    [
        (None, ""),
        ("", ""),
        ("a=b", "a=b"),
        (-3, -3),
        (0.5, 0.5),
        (True, "True"),
        (datetime(2026, 3, 10, 9, 0, 1, 5, tzinfo=UTC), "2026-03-10T09:00:01+00:00"),
    ],
)
def test_the_rest_stays(value: object, cell: object) -> None:
    assert safe_cell(value) == cell
