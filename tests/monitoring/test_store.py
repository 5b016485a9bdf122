from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from monitoring import store
from monitoring.models import Point1d, Point1h, Point1m, Point5m, PollCoverage, Series
from opsportal.platforms.models import Platform
from tests.factories.monitoring import rule_of, series_named

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def series(platform: Platform, at: datetime) -> Series:
    rule_of(platform, at=at)
    return series_named("DatabaseConnections")


def put(series: Series, start: datetime, values: list[float], *, period: int = 60) -> store.Written:
    first = int(start.timestamp())
    columns = {"n": [1.0] * len(values), "sum": values, "min": values, "max": values}
    block = store.PointBlock(series.pk, [first + period * n for n in range(len(values))], columns)
    with transaction.atomic():
        store.ensure_partitions(start, start + timedelta(days=1))
        return store.write_points(period, [block])


def test_a_repeated_answer_changes_nothing(series: Series, at: datetime) -> None:
    assert put(series, at, [1, 2, 3]).changed == 3
    again = put(series, at, [1, 2, 3])
    assert again == (0, 0)


def test_a_late_value_is_counted_as_a_revision_and_recounts_its_hour(series: Series, at: datetime) -> None:
    put(series, at, [1, 2, 3, 4, 5, 6])
    written = put(series, at, [1, 2, 30, 4, 5, 6])
    assert (written.changed, written.revised) == (1, 1)
    first = Point5m.objects.get(series=series, ts=at)
    assert (first.n, first.sum, first.min, first.max) == (5, 42, 1, 30)
    assert Point1h.objects.get(series=series, ts=at).sum == 48
    assert Point1d.objects.get(series=series).sum == 48


def test_a_percentile_of_five_minutes_is_fetched_and_never_averaged(series: Series, at: datetime) -> None:
    put(series, at, [1, 2, 3, 4, 5])
    with transaction.atomic():
        store.write_points(300, [store.PointBlock(series.pk, [int(at.timestamp())], {"p95": [4.8]})])
    row = Point5m.objects.get(series=series, ts=at)
    assert (row.sum, row.p95) == (15, 4.8)
    assert Point1h.objects.get(series=series, ts=at).p95 is None


def test_points_lie_in_partitions_of_their_own(series: Series, at: datetime) -> None:
    put(series, at, [1])
    put(series, at - timedelta(days=3), [1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM monitoring_point_1m ORDER BY 1")
        assert cursor.fetchall() == [("monitoring_point_1m_20260307",), ("monitoring_point_1m_20260310",)]
    assert store.stray_points() == 0


def test_points_that_came_before_their_partition_move_in_with_it(series: Series, at: datetime) -> None:
    far = at + timedelta(days=300)
    Point1m.objects.create(series=series, ts=far, max=1.0)
    assert store.stray_points() == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [far, far])
    assert store.stray_points() == 0
    assert Point1m.objects.get(ts=far).max == 1.0


def test_old_partitions_are_dropped_by_policy(series: Series, at: datetime) -> None:
    put(series, at, [1])
    assert store.drop_partitions(at + timedelta(days=14)) == 0
    assert store.drop_partitions(at + timedelta(days=30)) > 0
    assert not Point1m.objects.filter(ts=at).exists()
    assert Point1h.objects.filter(ts=at).exists()


def test_an_absurd_range_of_partitions_is_refused(at: datetime) -> None:
    with pytest.raises(Exception, match="is refused"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [at, at + timedelta(days=5000)])


def test_touching_stretches_of_coverage_become_one(series: Series, at: datetime) -> None:
    store.cover([series.pk], at, at + 5 * MINUTE)
    store.cover([series.pk], at + 20 * MINUTE, at + 25 * MINUTE)
    store.cover([series.pk], at + 4 * MINUTE, at + 10 * MINUTE)
    assert list(PollCoverage.objects.order_by("starts_at").values_list("starts_at", "ends_at")) == [
        (at, at + 10 * MINUTE),
        (at + 20 * MINUTE, at + 25 * MINUTE),
    ]
    store.cover([series.pk], at + 10 * MINUTE, at + 20 * MINUTE)
    assert list(PollCoverage.objects.values_list("starts_at", "ends_at")) == [(at, at + 25 * MINUTE)]


def test_floors_are_whole_periods() -> None:
    odd = datetime(2026, 3, 10, 9, 7, 31, 5, tzinfo=UTC)
    assert store.floor_to(odd, 300) == datetime(2026, 3, 10, 9, 5, tzinfo=UTC)
    assert store.floor_to(odd, 86400) == datetime(2026, 3, 10, tzinfo=UTC)
