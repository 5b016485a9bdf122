"""Formats: short, exact, never flattering."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from opsportal.core import formats

NOW = datetime(2026, 11, 18, 9, 24, tzinfo=UTC)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    "seconds,text",
    [
        (42, "42 s"),
        (1920, "32 min"),
        (7500, "2 h 05 min"),
        (54_000, "15 h"),
        (273_600, "3 d 4 h"),
        (-90, "−1 min"),
        (None, "–"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert plain(formats.duration(seconds)) == text


@pytest.mark.parametrize(
    "seconds,text",
    [(0, "0 s"), (41.2, "42 s"), (59.5, "1 min"), (540, "9 min"), (541, "10 min"), (3_541, "1 h"),
     (7_261, "2 h 02 min"), (36_001, "11 h"), (90_001, "1 d 2 h"), (864_001, "11 d"), (None, "–")],
)  # fmt: skip
def test_a_span_that_others_are_within_is_never_rounded_down(seconds: float | None, text: str) -> None:
    assert plain(formats.duration_within(seconds)) == text
    if seconds:
        assert plain(formats.duration_within(timedelta(seconds=seconds))) == text


@pytest.mark.parametrize(
    "seconds,text",
    [(0, "0 s"), (240, "4 min"), (3_605.9, "1 h 5 s"), (21 * 86_400 + 14 * 3_600 + 300, "21 d 14 h 5 min")],
)
def test_a_row_behind_a_figure_is_not_rounded_to_other_units(seconds: float, text: str) -> None:
    assert plain(formats.duration_exact(timedelta(seconds=seconds))) == text


@pytest.mark.parametrize("seconds,text", [(161, "02:41"), (-252, "−04:12"), (170_820, "47:27 h"), (0, "00:00")])
def test_stopwatch(seconds: float, text: str) -> None:
    assert plain(formats.stopwatch(seconds)) == text


@pytest.mark.parametrize(
    "value,unit,text",
    [
        (1204, "", "1,204"),
        (420.4, "Milliseconds", "420 ms"),
        (1.9, "Percent", "1.90 %"),
        (15_250_000_000, "Bytes", "14.2 GB"),
        (98, "Count", "98"),
        (-3, "", "−3"),
        (None, "Bytes", "–"),
        (float("inf"), "", "–"),
    ],
)
def test_number(value: float | None, unit: str, text: str) -> None:
    assert plain(formats.number(value, unit)) == text


@pytest.mark.parametrize(
    "share,text",
    [(0.0193, "1.9 %"), (0.99931, "99.931 %"), (0.999999, "99.999 %"), (1, "100 %"), (0, "0 %"), (None, "–")],
)
def test_percent_never_rounds_up_to_a_hundred(share: float | None, text: str) -> None:
    assert plain(formats.percent(share)) == text


def test_when_is_as_short_as_it_stays_clear_in_the_readers_zone() -> None:
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        assert formats.when(NOW, NOW) == "14:54"
        assert formats.when(NOW - timedelta(days=1), NOW) == "Tue 14:54"
        assert plain(formats.when(NOW - timedelta(days=30), NOW)) == "19 Oct"
        assert plain(formats.when(NOW - timedelta(days=400), NOW)) == "14 Oct 2025"
        assert plain(formats.stamp(NOW)) == "2026-11-18 14:54:00 IST"
    assert formats.iso(NOW) == "2026-11-18T09:24:00Z"


def test_ago_and_the_future() -> None:
    assert plain(formats.ago(NOW - timedelta(minutes=32), NOW)) == "32 min"
    assert plain(formats.ago(NOW + timedelta(hours=15), NOW)) == "in 15 h"
    assert formats.ago(NOW, NOW) == "now"
    assert formats.ago(None, NOW) == "–"


def test_plural() -> None:
    assert plain(formats.plural(1, "entry", "entries")) == "1 entry"
    assert plain(formats.plural(1200, "entry", "entries")) == "1,200 entries"
