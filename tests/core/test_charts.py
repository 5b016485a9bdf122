"""Charts: what is drawn is what was measured, gaps stay gaps, no peak is lost, nothing is inline-styled."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.core.charts import (
    Annotation,
    Band,
    Series,
    Threshold,
    bar,
    burn_down,
    day_strip,
    heat_map,
    line_chart,
    spark,
    standalone,
)
from opsportal.core.charts.scale import decimate, runs, straighten, time_ticks, value_ticks

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def points(*values: float | None, step: timedelta = MINUTE) -> list[tuple[datetime, float | None]]:
    return [(START + n * step, value) for n, value in enumerate(values)]


def test_a_none_breaks_the_curve_and_is_never_bridged() -> None:
    assert [len(run) for run in runs(points(1, 2, None, 4, 5))] == [2, 2]


def test_a_hole_in_time_breaks_the_curve() -> None:
    holed = [*points(1, 2, 3), (START + 20 * MINUTE, 9.0), (START + 21 * MINUTE, 9.0)]
    assert [len(run) for run in runs(holed)] == [3, 2]


def test_nan_is_a_gap_and_a_lone_point_is_drawn() -> None:
    svg = line_chart([Series("x", points(float("nan"), 4, None))], title="One point")
    assert "h1" in svg
    assert "nan" not in svg


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.integers(10, 400))
def test_decimation_keeps_every_extreme_and_bounds_the_points(values: list[float], columns: int) -> None:
    full = [(n / len(values), value) for n, value in enumerate(values)]
    kept = decimate(full, columns)
    assert len(kept) <= max(4 * columns, 2 * columns) + 4
    assert min(v for _, v in kept) == min(values)
    assert max(v for _, v in kept) == max(values)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.floats(0.01, 5))
def test_straightening_never_moves_the_curve_by_more_than_its_slack(values: list[float], slack: float) -> None:
    full = [(n / len(values), value) for n, value in enumerate(values)]
    kept = straighten(full, slack, 0.05)
    assert (kept[0], kept[-1]) == (full[0], full[-1])
    for (left, start), (right, end) in pairwise(kept):
        inside = [point for point in full if left < point[0] < right]
        assert not inside or right - left <= 0.05
        for x, y in inside:
            assert abs(start + (end - start) * (x - left) / (right - left) - y) <= slack * 1.001


def test_a_straight_line_needs_few_points() -> None:
    full = [(n / 1000, n / 10) for n in range(1001)]
    assert len(straighten(full, 0.01, 0.1)) in (11, 12)


@given(st.floats(-1e6, 1e6), st.floats(0.001, 1e6))
def test_value_ticks_cover_the_data(low: float, span: float) -> None:
    ticks = value_ticks(low, low + span)
    assert ticks[0] <= low + 1e-6 * (abs(low) + span)
    assert ticks[-1] >= low + span - 1e-6 * (abs(low) + span)
    assert 2 <= len(ticks) <= 8


def test_time_ticks_stand_at_round_local_times() -> None:
    start = datetime(2026, 3, 10, 8, 47, tzinfo=UTC)
    ticks = time_ticks(start, start + timedelta(hours=3), ZoneInfo("Asia/Kolkata"), 6)
    assert [label for _, label in ticks][:2] == ["14:30", "15:00"]


def test_time_ticks_survive_the_day_of_23_hours() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    ticks = time_ticks(start, start + timedelta(hours=23), zone, 6)
    assert len({at for at, _ in ticks}) == len(ticks)
    assert all(b[0] > a[0] for a, b in pairwise(ticks))


def test_the_line_chart_has_a_title_bands_with_an_edge_and_no_style() -> None:
    svg = line_chart(
        [Series("P95", points(*range(180)))],
        title="P95 < 200 ms & rising",
        unit="Milliseconds",
        thresholds=[Threshold(120, "warn"), Threshold(150, "crit", label="crit 150")],
        annotations=[Annotation(START + 9 * MINUTE, "INC-142", "incident"), Annotation(START, "v2", "deploy")],
        bands=[Band(START + 20 * MINUTE, START + 40 * MINUTE, "MNT-79")],
    )
    ET.fromstring(svg)  # noqa: S314 - our own text; well-formed means escaped
    assert "<title>P95 &lt; 200 ms &amp; rising</title>" in svg
    assert 'class="bw k"' in svg
    assert 'class="bc k"' in svg
    assert "INC-142" in svg
    assert "MNT-79" in svg
    assert "style=" not in svg


def test_no_label_stands_upon_another_and_each_is_said_by_its_mark() -> None:
    moments = [Annotation(START + n * MINUTE, f"INC-{n}", "incident") for n in (60, 66)]
    band = Band(START + 55 * MINUTE, START + 75 * MINUTE, "WIN-32")
    svg = line_chart([Series("P95", points(*range(180)))], title="P95", annotations=moments, bands=[band])
    shown = re.findall(r"<text[^>]*>((?:INC|WIN)-\d+)</text>", svg)
    assert shown == ["INC-60"]
    for said in ("INC-60", "INC-66", "WIN-32"):
        assert f"<title>{said}</title>" in svg
    apart = line_chart(
        [Series("P95", points(*range(180)))], title="P95", annotations=moments[:1],
        bands=[Band(START + 120 * MINUTE, START + 160 * MINUTE, "WIN-32")],
    )  # fmt: skip
    assert re.findall(r"<text[^>]*>((?:INC|WIN)-\d+)</text>", apart) == ["WIN-32", "INC-60"]


def test_a_chart_without_a_point_says_so() -> None:
    assert "no data" in line_chart([Series("x", [])], title="Empty")


def test_values_stand_beside_the_curve_for_the_crosshair() -> None:
    svg = line_chart([Series("x", points(1.5, 2.25))], title="Two")
    found = re.search(r'data-v="([^"]+)"', svg)
    assert found is not None
    assert found[1] == "1.5 2.25"


def test_a_day_of_minutes_stays_small() -> None:
    svg = line_chart([Series("x", [(START + n * MINUTE, (n * 7919) % 997 / 10) for n in range(1440)])], title="Day")
    assert len(svg) < 40_000


def test_the_forecast_starts_where_the_budget_stands() -> None:
    now = START + timedelta(days=10)
    left = [(START + timedelta(days=n), 100.0 - n) for n in range(11)]
    svg = burn_down(left, title="Budget", start=START, end=START + timedelta(days=30), now=now, forecast=-12)
    assert 'class="fc"' in svg
    assert "now" in svg


def test_the_file_of_a_chart_stands_alone() -> None:
    text = standalone(line_chart([Series("x", points(1, 2, 3))], title="Alone")).decode()
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert root.tag.endswith("svg")
    assert "<style>" in text
    assert text.count("<svg") >= 3


def test_spark_bar_and_days_draw_gaps_and_unknowns() -> None:
    assert spark([1, None, 3, 4]).count("M") == 2
    assert 'class="spark"' in spark([])
    assert 'class="u"' in bar([(0.5, "ok"), (0.9, "u")], label="half known")
    strip = day_strip([(date(2026, 3, n), "f" if n == 2 else "", "x<y") for n in range(1, 4)], label="3 days")
    assert "02 Mar 2026: x&lt;y" in strip
    assert 'class="mk"' in strip


def test_the_heat_map_marks_days_without_data_and_days_to_come() -> None:
    days = [(date(2026, 3, n), None if n == 3 else float(n)) for n in range(2, 6)]
    svg = heat_map(days, title="March", limits=(2, 3, 4, 4.5), today=date(2026, 3, 5))
    assert 'class="hg"' in svg
    assert ">?<" in svg
    assert 'class="h4 now"' in svg
    assert 'class="hf"' in svg


@pytest.mark.parametrize(
    "draw", [lambda: heat_map([], title="x", limits=(1, 2, 3, 4)), lambda: day_strip([], label="x")]
)
def test_nothing_to_draw_is_no_fault(draw: object) -> None:
    assert callable(draw)
    draw()
