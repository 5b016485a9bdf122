"""The ladder of points: roll-ups equal to a naive recount, partitions ahead and dropped, and what silence means."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import registrations, store
from monitoring.missing import filled
from monitoring.models import Point1d, Point1h, Point5m, Series, Slo, SloBucket
from monitoring.selectors.points import silence_filled, unread_for
from opsportal.core.clock import real_now
from opsportal.platforms.models import Platform
from opsportal.schedule.models import LoopPulse
from tests.factories.monitoring import rule_of, series_named, slo_of, term, write

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 3, 9, 22, 0, tzinfo=UTC)  # two hours before a new day
Point = tuple[int, float]


@pytest.fixture
def series(platform: Platform, at: datetime) -> Series:
    rule_of(platform, at=at)
    return series_named("DatabaseConnections")


def stored(model: type[Point5m] | type[Point1h] | type[Point1d]) -> dict[datetime, tuple[float, float, float, float]]:
    return {row.ts: (row.n or 0, row.sum or 0, row.min or 0, row.max or 0) for row in model.objects.all()}


def naive(points: dict[int, float], seconds: int) -> dict[datetime, tuple[float, float, float, float]]:
    """Every period counted anew from its minutes."""
    groups: dict[int, list[float]] = defaultdict(list)
    for minute, value in points.items():
        stamp = int(BEGIN.timestamp()) + 60 * minute
        groups[stamp - stamp % seconds].append(value)
    return {
        datetime.fromtimestamp(start, UTC): (len(values), sum(values), min(values), max(values))
        for start, values in groups.items()
    }


def put(series: Series, points: list[Point]) -> store.Written:
    known = dict(points)
    times = [int(BEGIN.timestamp()) + 60 * minute for minute in known]
    values = list(known.values())
    block = store.PointBlock(series.pk, times, {"n": [1.0] * len(values), "sum": values, "min": values, "max": values})
    return store.write_points(60, [block])


points = st.lists(st.tuples(st.integers(0, 240), st.integers(0, 1000).map(float)), min_size=1, max_size=30)


@given(st.lists(points, min_size=1, max_size=5))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_roll_ups_of_dirty_periods_equal_a_recount_of_everything(series: Series, writes: list[list[Point]]) -> None:
    with transaction.atomic():
        store.ensure_partitions(BEGIN, BEGIN + timedelta(days=1))
        truth: dict[int, float] = {}
        for batch in writes:
            put(series, batch)
            truth |= dict(batch)
        for model, seconds in ((Point5m, 300), (Point1h, 3600), (Point1d, 86400)):
            assert stored(model) == naive(truth, seconds)
        before = [stored(model) for model in (Point5m, Point1h, Point1d)]
        assert put(series, list(truth.items())) == (0, 0)
        assert [stored(model) for model in (Point5m, Point1h, Point1d)] == before
        transaction.set_rollback(True)


def test_percentiles_of_hours_and_days_stand_as_they_were_fetched(series: Series, at: datetime) -> None:
    hour, day = int(at.timestamp()), int(at.replace(hour=0).timestamp())
    with transaction.atomic():
        store.ensure_partitions(at, at)
        store.write_points(3600, [store.PointBlock(series.pk, [hour], {"p95": [4.5]})])
        store.write_points(86400, [store.PointBlock(series.pk, [day], {"p95": [6.5]})])
    write(series, [1.0] * 10, end=at + 10 * MINUTE)
    assert Point1h.objects.get(ts=at).p95 == 4.5
    assert (Point1d.objects.get().p95, Point1d.objects.get().max) == (6.5, 1.0)


def test_dropping_old_partitions_again_drops_nothing(series: Series, at: datetime) -> None:
    write(series, [1.0], end=at)
    later = at + timedelta(days=30)
    assert store.drop_partitions(later) > 0
    assert store.drop_partitions(later) == 0


def test_a_partition_that_is_missing_is_said(at: datetime) -> None:
    far = at + timedelta(days=700)
    assert len(store.missing_partitions(far)) == 6
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [far, far])
    assert store.missing_partitions(far) == []


def test_the_auditor_says_so_once_the_loop_has_passed(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "now", lambda: at + timedelta(days=700))
    assert registrations._partitions_ahead() == []
    moment = real_now()
    LoopPulse.objects.create(
        name="monitoring.partitions", holder="x", every=3600, limit=40, pulse_at=moment, ok_at=moment
    )
    findings = registrations._partitions_ahead()
    assert len(findings) == 6
    assert "monitoring_point_1m_2028" in findings[2]


def test_silence_is_zero_only_of_counts_and_carries_at_most_twelve_periods() -> None:
    assert filled([None, 3.0, None], policy="zero", stat="Sum") == [0.0, 3.0, 0.0]
    assert filled([None, 3.0, None], policy="zero", stat="p95") == [None, 3.0, None]
    assert filled([None, 3.0, None], policy="gap", stat="Sum") == [None, 3.0, None]
    assert filled([None, 3.0, *[None] * 13], policy="carry", stat="p95") == [None, *[3.0] * 13, None]


def test_a_load_balancers_silence_is_drawn_as_zero_where_it_was_asked_about(platform: Platform, at: datetime) -> None:
    slo_of(platform, at=at)
    series = series_named("HTTPCode_Target_5XX_Count")
    assert series.missing == "zero"
    write(series, [None, None, 4.0, None], end=at, column="sum")
    series.refresh_from_db()
    start, step = at - 10 * MINUTE, MINUTE
    values = silence_filled(
        series, [(at - 2 * step, 4.0)], stat="Sum", period=60, start=start, end=at, unread=[(start, at - 4 * step)]
    )
    assert values == [(at - 4 * step, 0.0), (at - 2 * step, 4.0)]


@pytest.mark.parametrize("missing, good", [("gap", 1.0), ("zero", 1.0), ("carry", 3.0)])
def test_a_timeslice_without_a_datapoint_is_what_the_series_says(
    platform: Platform, at: datetime, missing: str, good: float
) -> None:
    value = term("QueueDepth", namespace="Shop", dimensions={}, stat="Maximum", missing=missing)
    slo: Slo = slo_of(
        platform, at=at, indicator={"method": "timeslices", "value_of": value, "comparison": "ge", "value": 10}
    )
    series = series_named("QueueDepth")
    assert series.missing == missing
    write(series, [20.0] * 5 + [None] * 10, end=at)
    assert sum(row.good for row in SloBucket.objects.filter(slo=slo, res=5)) == good


def test_a_series_is_stale_after_two_of_its_own_intervals(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at)
    series = series_named("DatabaseConnections")
    assert unread_for(series, at) is None
    series.watermark = at
    assert unread_for(series, at + 3 * MINUTE) is None
    assert unread_for(series, at + 4 * MINUTE) == 4 * MINUTE
    series.account.pace = 4
    assert unread_for(series, at + 30 * MINUTE) is None
