"""The examples of docs/monitoring.md, read from its table and computed."""

import re
from datetime import timedelta

import pytest
from django.conf import settings

from monitoring.slo.budget import Count, Part, budget
from monitoring.slo.burn import RULES

MONTH = timedelta(days=30)
TEXT = (settings.BASE_DIR / "docs" / "monitoring.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| [^|]*?(?P<objective>[\d.]+) %[^|]*\| (?P<total>[\d,]+) \w+, (?P<bad>[\d,]+) \w+ "
    r"\| (?:[^|]*= )?(?P<allowed>[\d,]+) "
    r"\| [^|]*= (?P<left>[−\d]+) % \| (?P<kept>[−\d,.]+) of (?P<minutes>[\d,.]+) \|$",
    re.MULTILINE,
)
BURN = re.compile(r"^\| (page|ticket) \|.*\| ([\d.]+)× \| ([\d.]+)× \| ([\d.]+)× \|$", re.MULTILINE)


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


@pytest.mark.parametrize("row", [match.groupdict() for match in ROW.finditer(TEXT)], ids=lambda row: row["total"])
def test_an_example_of_the_documentation_comes_out(row: dict[str, str]) -> None:
    total, bad = number(row["total"]), number(row["bad"])
    count = Count(total - bad, total, expected=1, covered=1)
    state = budget([Part(count, number(row["objective"]) / 100, MONTH)])
    assert state.events == pytest.approx(number(row["allowed"]))
    assert state.left == pytest.approx(number(row["left"]) / 100, abs=1e-6)
    assert state.left_minutes == pytest.approx(number(row["kept"]), abs=1e-6)
    assert state.minutes == pytest.approx(number(row["minutes"]))


def test_every_example_is_read() -> None:
    assert len(ROW.findall(TEXT)) == 8


def test_the_limits_of_the_documentation_are_the_rules() -> None:
    told = [[float(cell) for cell in cells] for _, *cells in BURN.findall(TEXT)]
    assert told == [[round(rule.factor(timedelta(days=days)), 2) for days in (30, 28, 7)] for rule in RULES]


def test_the_last_examples_come_out() -> None:
    third = Part(Count(2_880_000 - 2_160, 2_880_000, expected=1, covered=1), 0.999, MONTH)
    assert budget([third], elapsed=1 / 3).left == pytest.approx(0.75)
    halves = [
        Part(Count(1_000_000 - 2_500, 1_000_000, expected=1, covered=1), 0.999, MONTH / 2),
        Part(Count(1_000_000, 1_000_000, expected=1, covered=1), 0.995, MONTH / 2),
    ]
    assert budget(halves).left == pytest.approx(0.583, abs=5e-4)
