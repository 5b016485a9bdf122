from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from monitoring.models import AnnotationKind, Point5m, Series, Slo, SloBucket
from monitoring.selectors.slo_counts import counts
from monitoring.selectors.slo_detail import slo_detail
from monitoring.selectors.slo_report import slo_rows
from monitoring.services.exclusions import exclusion_put, exclusion_void
from monitoring.services.marks import annotation_put
from monitoring.slo.periods import calendar, rolling
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, series_named, service_of, slo_of, term, write

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def slo(platform: Platform, at: datetime) -> Slo:
    return slo_of(platform, at=at)


def traffic(at: datetime, *, requests: float = 100, target: Any = None, balancer: Any = None, n: int = 12) -> None:
    """`n` slices of 5 minutes up to `at`."""
    write(series_named("RequestCount"), [requests] * n, end=at, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), target or [None] * n, end=at, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), balancer or [None] * n, end=at, period=300, column="sum")


def bucket(slo: Slo, res: int) -> Any:
    rows = SloBucket.objects.filter(slo=slo, res=res)
    return rows.aggregate(good=Sum("good"), total=Sum("total"), expected=Sum("expected"), covered=Sum("covered"))


def test_missing_errors_beside_requests_are_no_errors(slo: Slo, at: datetime) -> None:
    traffic(at)
    assert bucket(slo, 5) == {"good": 1200, "total": 1200, "expected": 12, "covered": 12}


def test_requests_refused_by_the_balancer_count_as_bad_and_as_total(slo: Slo, at: datetime) -> None:
    traffic(at, target=[3.0] + [None] * 11, balancer=[50.0] + [None] * 11)
    assert bucket(slo, 5) == {"good": 1197, "total": 1250, "expected": 12, "covered": 12}


def test_hours_and_days_are_the_sums_of_their_parts(slo: Slo, at: datetime) -> None:
    traffic(at, target=[float(n) for n in range(12)])
    assert bucket(slo, 60) == bucket(slo, 5) == bucket(slo, 1440)


def test_what_was_not_asked_about_is_unknown(slo: Slo, at: datetime) -> None:
    traffic(at)
    row = slo_rows([slo], rolling(at))[0]
    assert row.coverage == pytest.approx(12 / (30 * 288))
    half = series_named("RequestCount")
    write(half, [100.0] * 6, end=at - 2 * HOUR, period=300, column="sum")
    assert counts({(slo.pk, "w"): (at - 3 * HOUR, at - 2 * HOUR)})[slo.pk, "w"].attained is None
    assert counts({(slo.pk, "w"): (at - 3 * HOUR, at - 2 * HOUR)})[slo.pk, "w"].covered == 0


def test_a_late_datapoint_recounts_its_buckets(slo: Slo, at: datetime) -> None:
    traffic(at)
    write(series_named("HTTPCode_Target_5XX_Count"), [7.0], end=at - HOUR / 2, period=300, column="sum")
    assert bucket(slo, 1440)["good"] == 1193


def test_any_window_equals_the_raw_scan(slo: Slo, at: datetime) -> None:
    n = 3 * 288
    traffic(at, n=n, target=[float(k % 7) for k in range(n)])
    requests, errors = series_named("RequestCount"), series_named("HTTPCode_Target_5XX_Count")
    for back, length in ((timedelta(minutes=5), HOUR), (HOUR * 3, HOUR * 26), (timedelta(), timedelta(days=3))):
        end = at - back
        start = end - length
        raw = [
            Point5m.objects.filter(series=one, ts__gte=start, ts__lt=end).aggregate(s=Sum("sum"))["s"] or 0
            for one in (requests, errors)
        ]
        found = counts({(slo.pk, "w"): (start, end)})[slo.pk, "w"]
        assert (found.total, found.bad) == tuple(raw)


def test_an_exclusion_changes_adjusted_figures_and_can_be_taken_back(
    slo: Slo, platform: Platform, at: datetime
) -> None:
    traffic(at, target=[40.0] + [None] * 11)
    before = slo_rows([slo], rolling(at))[0]
    out = exclusion_put(
        by=BY, at=at, platform=platform, service=None, slo=None, starts_at=at - HOUR, ends_at=at - HOUR / 2,
        reason="Window", ref="MNT-1",
    )  # fmt: skip
    row = slo_rows([slo], rolling(at))[0]
    assert row.raw == before.raw
    assert row.adjusted == 1.0
    again = exclusion_put(
        by=BY, at=at, platform=platform, service=None, slo=None, starts_at=at - HOUR, ends_at=at - HOUR / 2,
        reason="Window", ref="MNT-1",
    )  # fmt: skip
    assert again.version == out.version
    exclusion_void(by=BY, at=at, exclusion=again, reason="Was no window", expected=again.version)
    assert slo_rows([slo], rolling(at))[0].adjusted == before.adjusted


def test_an_exclusion_of_another_platform_changes_nothing(slo: Slo, other_platform: Platform, at: datetime) -> None:
    traffic(at, target=[40.0] + [None] * 11)
    exclusion_put(
        by=BY, at=at, platform=other_platform, service=None, slo=None, starts_at=at - HOUR, ends_at=at, reason="Window"
    )
    row = slo_rows([slo], rolling(at))[0]
    assert row.raw == row.adjusted


def test_the_budget_is_attributed_to_the_incident_over_it(slo: Slo, platform: Platform, at: datetime) -> None:
    traffic(at, target=[None, 30.0, 30.0] + [None] * 8 + [20.0])
    annotation_put(
        by=BY, at=at, platform=platform, service=service_of(platform), kind=AnnotationKind.INCIDENT, ref="INC-7",
        title="Database full", url="/incidents/7/", starts_at=at - timedelta(minutes=53),
        ends_at=at - timedelta(minutes=44),
    )  # fmt: skip
    period = rolling(at)
    row = slo_rows([slo], period)[0]
    detail = slo_detail(row, period)
    assert [(share.ref, share.events) for share in detail.shares] == [("INC-7", 60), ("", 20)]
    assert sum(share.share for share in detail.shares) == pytest.approx(row.budget.used)


def test_a_restricted_incident_shows_no_name(slo: Slo, platform: Platform, at: datetime) -> None:
    traffic(at, target=[5.0] * 12)
    annotation_put(
        by=BY, at=at, platform=platform, service=None, kind=AnnotationKind.INCIDENT, ref="INC-8", title="Leak of keys",
        url="/incidents/8/", starts_at=at - HOUR, restricted=True,
    )  # fmt: skip
    period = rolling(at)
    share = slo_detail(slo_rows([slo], period)[0], period).shares[0]
    assert (share.ref, share.title, share.url) == ("", "Restricted incident", "")


def test_latency_is_counted_below_a_limit(platform: Platform, at: datetime) -> None:
    slo = slo_of(
        platform, at=at, key="latency", objective=95,
        indicator={
            "total": [term("TargetResponseTime", stat="SampleCount")],
            "good": [term("TargetResponseTime", stat="TC", below=0.5)],
        },
    )  # fmt: skip
    for series in Series.objects.filter(name="TargetResponseTime"):
        column = "n" if series.count_below is None else "below"
        write(series, [100.0 if column == "n" else 90.0] * 12, end=at, period=300, column=column)
    assert slo_rows([slo], rolling(at))[0].raw == pytest.approx(0.9)


def test_throughput_is_counted_in_slices_and_silence_is_zero(platform: Platform, at: datetime) -> None:
    slo = slo_of(
        platform, at=at, key="throughput", objective=99,
        indicator={
            "method": "timeslices", "value_of": term("RequestCount", stat="Sum"), "comparison": "ge", "value": 1,
            "per_second": True,
        },
    )  # fmt: skip
    write(series_named("RequestCount"), [600.0] * 6 + [100.0] * 3 + [None] * 3, end=at, period=300, column="sum")
    assert bucket(slo, 5) == {"good": 6, "total": 12, "expected": 12, "covered": 12}


def test_a_new_objective_is_a_new_version_and_old_periods_keep_the_old_one(
    slo: Slo, platform: Platform, at: datetime
) -> None:
    later = at + timedelta(days=40)
    slo_of(platform, at=later, objective=99.5)
    slo_of(platform, at=later, objective=99.5)
    assert [version.number for version in slo.versions.order_by("number")] == [1, 2]
    assert slo_rows([slo], rolling(at))[0].objective == pytest.approx(0.999)
    assert slo_rows([slo], rolling(later + timedelta(minutes=5)))[0].objective == pytest.approx(0.995)


def test_periods_are_whole_months_and_quarters(at: datetime) -> None:
    march = calendar("month", at.date(), at, ZoneInfo("UTC"))
    assert (march.starts_at.day, march.ends_at.month, march.until) == (1, 4, at)
    quarter = calendar("quarter", at.date(), at, ZoneInfo("UTC"))
    assert (quarter.key, quarter.ends_at.month) == ("2026-q1", 4)


def test_pieces_are_read_by_the_key_and_never_compared_with_every_bucket(slo: Slo, at: datetime) -> None:
    traffic(at, n=300)
    with CaptureQueriesContext(connection) as asked:
        counts({(slo.pk, "w"): (at - 26 * HOUR, at)})
    with connection.cursor() as cursor:
        # The planner's own choice where the table is large; a lateral read cannot be turned into a hash join.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Join Filter" not in plan
    assert "p.a" in plan


def test_more_exclusions_and_quiet_slices_cost_no_more_queries(slo: Slo, platform: Platform, at: datetime) -> None:
    traffic(at, target=[4.0] * 12)
    annotation_put(
        by=BY, at=at, platform=platform, service=None, kind=AnnotationKind.INCIDENT, ref="INC-1", title="Down",
        url="/incidents/1/", starts_at=at - HOUR / 6, ends_at=at,
    )  # fmt: skip
    asked = []
    for n in range(3):
        exclusion_put(
            by=BY, at=at, platform=platform, service=None, slo=None, starts_at=at - HOUR + n * HOUR / 6,
            ends_at=at - HOUR + (n + 1) * HOUR / 6, reason="Window", ref=f"MNT-{n}",
        )  # fmt: skip
        row = slo_rows([slo], rolling(at))[0]
        with CaptureQueriesContext(connection) as queries:
            detail = slo_detail(row, rolling(at))
        asked.append(len(queries))
        assert sum(share.events for share in detail.shares) == row.count.adjusted.bad
        assert [one.share > 0 for one in detail.left_out] == [True] * (n + 1)
    assert len(set(asked)) == 1


def test_days_of_a_zone_with_half_an_hour_begin_at_its_midnight(slo: Slo) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    begins = datetime(2026, 2, 28, 18, 30, tzinfo=ZoneInfo("UTC"))  # 1 March there
    traffic(begins + HOUR / 2, target=[5.0] * 12)  # half an hour to each side of the month's first midnight
    second = begins + timedelta(days=1)
    traffic(second + HOUR / 2, target=[1.0] * 6 + [3.0] * 6)
    period = calendar("month", date(2026, 3, 5), second + 12 * HOUR, zone)
    assert period.starts_at == begins
    row = slo_rows([slo], period)[0]
    found = slo_detail(row, period)
    used = dict(found.days)
    assert min(used) == date(2026, 3, 1)
    assert row.budget.used is not None
    one = 100 / row.budget.events
    assert used[date(2026, 3, 1)] == pytest.approx((6 * 5 + 6 * 1) * one)
    assert used[date(2026, 3, 2)] == pytest.approx(6 * 3 * one)
    assert sum(share or 0 for share in used.values()) == pytest.approx(100 * row.budget.used)
    assert min(starts for starts, _ in found.gaps) >= begins
