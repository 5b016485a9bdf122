"""The report against a naive calculation that looks at every single event.

The naive one knows no buckets, no roll-ups and no spans: it asks of each request when it was, whether it failed, which
version of the promise held then, and whether an approved exclusion lay over its five minutes.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitoring.models import Slo, SloExclusion
from monitoring.selectors.slo_report import slo_rows
from monitoring.services.exclusions import exclusion_approve, exclusion_put, exclusion_void
from monitoring.services.objectives import slo_promise
from monitoring.slo.periods import Period, parse
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, series_named, slo_of, write

pytestmark = pytest.mark.django_db
SLICE = timedelta(minutes=5)
BERLIN = ZoneInfo("Europe/Berlin")
# The days around the end of summer time: 25 October 2026 has 25 hours in Berlin.
FIRST = datetime(2026, 10, 24, 20, tzinfo=UTC)
SLICES = 12 * 34
AT = FIRST + SLICES * SLICE
OTHER = Actor(kind="system", name="another person")


@dataclass
class Story:
    """What happened: events per slice, what is known of them, promises, exclusions."""

    total: list[int]
    bad: list[int]
    known: list[bool]
    promises: list[tuple[datetime, float]] = field(default_factory=list)
    left_out: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass
class Naive:
    """Counted event by event."""

    good: int = 0
    total: int = 0
    xgood: int = 0
    xtotal: int = 0
    allowed: float = 0.0


def naive(story: Story, period: Period) -> Naive:
    found = Naive()
    for n, (total, bad, is_known) in enumerate(zip(story.total, story.bad, story.known, strict=True)):
        at = FIRST + n * SLICE
        if not is_known or not period.starts_at <= at < period.until:
            continue
        objective = [value for since, value in story.promises if since <= at or since == story.promises[0][0]][-1]
        is_out = any(begins < at + SLICE and at < ends for begins, ends in story.left_out)
        for event in range(total):
            is_bad = event < bad
            found.total += 1
            found.good += not is_bad
            if is_out:
                found.xtotal += 1
                found.xgood += not is_bad
            else:
                found.allowed += 1 - objective
    return found


@st.composite
def stories(draw: st.DrawFn) -> tuple[Story, list[tuple[str, int, int]], list[int]]:
    """Traffic in runs of an hour, what is done about it in any order, and which hours come late."""
    hours = SLICES // 12
    total, bad, known = [], [], []
    for _ in range(hours):
        per_slice = draw(st.integers(0, 6))
        total += [per_slice] * 12
        bad += [draw(st.integers(0, per_slice))] * 12
        known += [draw(st.integers(0, 4)) > 0] * 12
    acts = draw(st.lists(st.tuples(st.sampled_from(["ask", "approve", "void", "window", "promise"]),
                                   st.integers(0, SLICES - 1), st.integers(1, 60)), max_size=8))  # fmt: skip
    return Story(total, bad, known), acts, draw(st.lists(st.integers(0, hours - 1), max_size=4, unique=True))


def _write(story: Story, hours: list[int]) -> None:
    for hour in hours:
        cut = slice(12 * hour, 12 * hour + 12)
        if not story.known[12 * hour]:
            continue
        end = FIRST + (hour + 1) * timedelta(hours=1)
        none: list[float | None] = [None] * 12
        write(series_named("RequestCount"), [float(n) for n in story.total[cut]], end=end, period=300, column="sum")
        bad: list[float | None] = [float(n) if n else None for n in story.bad[cut]]
        write(series_named("HTTPCode_Target_5XX_Count"), bad, end=end, period=300, column="sum")
        write(series_named("HTTPCode_ELB_5XX_Count"), none, end=end, period=300, column="sum")


def _act(slo: Slo, platform: Platform, story: Story, act: tuple[str, int, int]) -> None:
    """Do one thing by the services, and note in the story what it should mean."""
    kind, place, length = act
    starts_at = FIRST + place * SLICE + timedelta(minutes=2)
    ends_at = starts_at + length * timedelta(minutes=7)
    open_ones = SloExclusion.objects.filter(voided_at=None).order_by("pk")
    if kind in ("ask", "window"):
        ref = f"WIN-{SloExclusion.objects.count()}" if kind == "window" else ""
        exclusion_put(by=BY, at=AT, platform=platform, service=None, slo=None if ref else slo, starts_at=starts_at,
                      ends_at=ends_at, reason="story", ref=ref)  # fmt: skip
        if ref:
            story.left_out.append((starts_at, ends_at))
    elif kind == "approve" and (row := open_ones.filter(approved_at=None).first()):
        exclusion_approve(by=OTHER, at=AT, exclusion=row, expected=row.version)
        story.left_out.append((row.starts_at, row.ends_at))
    elif kind == "void" and (row := open_ones.first()):
        if row.approved_at is not None:
            story.left_out.remove((row.starts_at, row.ends_at))
        exclusion_void(by=OTHER, at=AT, exclusion=row, reason="story", expected=row.version)
    elif kind == "promise" and FIRST + place * SLICE > story.promises[-1][0]:
        slo.refresh_from_db()
        begins = FIRST + place * SLICE
        objective = 0.9 if story.promises[-1][1] != 0.9 else 0.95
        last = slo.versions.order_by("-number").first()
        assert last is not None
        values = {"objective": Decimal(str(100 * objective)), "indicator": last.indicator}
        slo_promise(by=BY, at=AT, slo=slo, expected=slo.version, values=values, effective_from=begins)
        story.promises.append((begins, objective))


# Without shrinking: a failing story costs minutes to make smaller, and names its day as it is.
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(stories())
def test_the_report_equals_a_count_of_every_event(
    platform: Platform, told: tuple[Story, list[tuple[str, int, int]], list[int]]
) -> None:
    story, acts, late = told
    with transaction.atomic():
        slo = slo_of(platform, at=FIRST - timedelta(days=1), objective=99.0)
        story.promises.append((FIRST - timedelta(days=1), 0.99))
        _write(story, [hour for hour in range(SLICES // 12) if hour not in late])
        for act in acts:
            _act(slo, platform, story, act)
        _write(story, late)
        for key in ("2026-10-25..2026-10-25", "2026-10-26..2026-10-26", "2026-w43", "7d"):
            period = parse(key, AT, BERLIN)
            row, asked = slo_rows([slo], period)[0], naive(story, period)
            count = row.count
            assert (count.good, count.total, count.xgood, count.xtotal) == (
                asked.good, asked.total, asked.xgood, asked.xtotal,
            ), key  # fmt: skip
            if asked.total == 0:
                assert (row.raw, row.adjusted, row.health) == (None, None, "no_data")
                continue
            assert row.raw == asked.good / asked.total
            kept = asked.total - asked.xtotal
            assert row.adjusted == ((asked.good - asked.xgood) / kept if kept else None)
            if period.until == period.ends_at and kept:
                assert row.budget.events == pytest.approx(asked.allowed)
                assert row.budget.used_events == kept - (asked.good - asked.xgood)
        transaction.set_rollback(True)
