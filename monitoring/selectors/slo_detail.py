"""One objective in depth: how the budget went, day by day, and what used it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import F, Q

from monitoring.models import Annotation, AnnotationKind, Slo, SloBucket, SloExclusion
from monitoring.selectors.slo_counts import ceil_to
from monitoring.selectors.slo_policy import policies
from monitoring.selectors.slo_report import SloRow
from monitoring.slo.attribution import SLICE, Mark, attribute
from monitoring.slo.periods import Period, midnight
from monitoring.slo.policy import Policy
from monitoring.store import floor_to

# start, good, total, left out good, left out total, expected and covered slices
Hour = tuple[datetime, float, float, float, float, int, int]


@dataclass(frozen=True, slots=True)
class Share:
    """What one cause used: share of the whole budget, bad events, and minutes fully down that equal it."""

    ref: str
    title: str
    url: str
    share: float
    events: float
    minutes: float
    starts_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReviewMark:
    """How the review of an incident stands."""

    state: str
    url: str
    is_published: bool


ReviewsOf = Callable[[Sequence[str]], Mapping[str, ReviewMark]]
_reviews: Final[list[ReviewsOf]] = []


def register_reviews(source: ReviewsOf) -> None:
    """Let the room of incidents say how the reviews of some references stand; none is in it for one without."""
    _reviews[:] = [source]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An exclusion and the share of the budget it left out."""

    exclusion: SloExclusion
    share: float


@dataclass(frozen=True, slots=True)
class Detail:
    """Everything below the report's table for the chosen objective."""

    row: SloRow
    left: Sequence[tuple[datetime, float | None]]
    days: Sequence[tuple[date, float | None]]
    shares: Sequence[Share]
    left_out: Sequence[LeftOut]
    marks: Sequence[Annotation]
    gaps: Sequence[tuple[datetime, datetime]]
    # Incidents that used so much of the budget that the policy wants a review, each with its review if there is one.
    heavy: Sequence[tuple[Share, ReviewMark | None]]
    policy: Policy


def _annotations(slo: Slo, period: Period) -> list[Annotation]:
    rows = Annotation.objects.filter(platform_id=slo.platform_id, starts_at__lt=period.until)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=period.starts_at))
    return list(rows.filter(Q(service=None) | Q(service_id=slo.service_id)).order_by("starts_at", "pk")[:200])


def slo_detail(row: SloRow, period: Period) -> Detail:
    """Read the buckets of one objective over a period."""
    allowed = row.budget.events
    hours = _hours(row.slo, period)
    marks = _annotations(row.slo, period)
    shares = _shares(row, marks, period)
    policy = policies([row.slo.platform_id])[row.slo.platform_id]
    return Detail(
        row=row,
        left=_left(hours, allowed, period),
        days=_days(hours, allowed, period),
        shares=shares,
        left_out=_left_out(row.slo, allowed, period),
        marks=marks,
        gaps=_gaps(hours, period),
        heavy=_heavy(shares, policy),
        policy=policy,
    )


def _hours(slo: Slo, period: Period) -> list[Hour]:
    """What was counted by hour, the first and the last only as far as the period goes: an hour's own bucket goes on.

    An hour with a midnight of the period's zone within it comes as two, each of its own day.
    """
    start, until = period.starts_at, period.until
    first, last, midnights = ceil_to(start, 3600), floor_to(until, 3600), _midnights(period)
    inside = Q(res=5, ts__gte=start, ts__lt=until)
    if first < last:
        edges = Q(ts__gte=start, ts__lt=first) | Q(ts__gte=last, ts__lt=until)
        parts = [hour + n * SLICE for hour in midnights for n in range(12)]
        inside = Q(res=60, ts__gte=first, ts__lt=last) & ~Q(ts__in=list(midnights))
        inside |= Q(res=5) & (edges | Q(ts__in=parts, ts__gte=first, ts__lt=last))
    rows = SloBucket.objects.filter(inside, slo=slo).order_by("ts")
    found: dict[datetime, Hour] = {}
    for ts, *counts in rows.values_list("ts", "good", "total", "xgood", "xtotal", "expected", "covered"):
        hour = max(floor_to(ts, 3600), start)
        if floor_to(ts, 3600) in midnights and ts >= midnights[floor_to(ts, 3600)]:
            hour = midnights[floor_to(ts, 3600)]
        before = found[hour][1:] if hour in found else (0.0, 0.0, 0.0, 0.0, 0, 0)
        good, total, xgood, xtotal, expected, covered = (a + b for a, b in zip(before, counts, strict=True))
        found[hour] = (hour, good, total, xgood, xtotal, int(expected), int(covered))
    return list(found.values())


def _midnights(period: Period) -> dict[datetime, datetime]:
    """Midnights of the period's zone that fall within an hour of UTC, by that hour."""
    zone, found = ZoneInfo(period.zone or "UTC"), {}
    day = period.starts_at.astimezone(zone).date()
    while (begins := midnight(day, zone)) < period.until:
        if floor_to(begins, 3600) != begins:
            found[floor_to(begins, 3600)] = begins
        day += timedelta(days=1)
    return found


def _heavy(shares: Sequence[Share], policy: Policy) -> list[tuple[Share, ReviewMark | None]]:
    found = [share for share in shares if share.url and share.share > policy.review_share]
    marks = _reviews[0]([share.ref for share in found]) if found and _reviews else {}
    return [(share, marks.get(share.ref)) for share in found]


def _left(hours: Sequence[Hour], allowed: float, period: Period) -> list[tuple[datetime, float | None]]:
    points: list[tuple[datetime, float | None]] = [(period.starts_at, 100.0)]
    used = 0.0
    for ts, good, total, xgood, xtotal, _expected, covered in hours:
        used += (total - xtotal) - (good - xgood)
        left = 100 * (1 - used / allowed) if allowed else None
        points.append((min(floor_to(ts, 3600) + timedelta(hours=1), period.until), left if covered else None))
    return points


def _days(hours: Sequence[Hour], allowed: float, period: Period) -> list[tuple[date, float | None]]:
    """Budget used in per cent by day, as the period's zone counts days; None where nothing is known."""
    used: dict[date, float | None] = {}
    zone = ZoneInfo(period.zone or "UTC")
    day = period.starts_at.astimezone(zone).date()
    while day <= (period.until - timedelta(microseconds=1)).astimezone(zone).date():
        used[day] = None
        day += timedelta(days=1)
    for ts, good, total, xgood, xtotal, _expected, covered in hours:
        if covered and allowed:
            bad = (total - xtotal) - (good - xgood)
            day = ts.astimezone(zone).date()
            used[day] = (used.get(day) or 0.0) + 100 * bad / allowed
    return sorted(used.items())


def _gaps(hours: Sequence[Hour], period: Period) -> list[tuple[datetime, datetime]]:
    """Hours of which nothing is known, merged."""
    known = {floor_to(ts, 3600) for ts, *_, covered in hours if covered}
    found: list[tuple[datetime, datetime]] = []
    hour = floor_to(period.starts_at, 3600)
    while hour < period.until:
        ends = min(hour + timedelta(hours=1), period.ends_at)
        if hour not in known and ends <= period.until:
            if found and found[-1][1] == hour:
                found[-1] = (found[-1][0], ends)
            else:
                found.append((max(hour, period.starts_at), ends))
        hour = ends
    return found


def _bad_slices(slo: Slo, incidents: Sequence[Annotation], period: Period) -> list[tuple[datetime, float]]:
    """The 5-minute slices under an incident in which something failed, with their bad events."""
    if not incidents:
        return []
    under = Q()
    for mark in incidents:
        under |= Q(ts__gt=mark.starts_at - SLICE) & (Q() if mark.ends_at is None else Q(ts__lt=mark.ends_at))
    buckets = SloBucket.objects.filter(under, slo=slo, res=5, ts__gte=period.starts_at, ts__lt=period.until)
    bad = buckets.annotate(bad=F("total") - F("xtotal") - F("good") + F("xgood")).filter(bad__gt=0)
    return list(bad.order_by("ts").values_list("ts", "bad"))


def _shares(row: SloRow, marks: Sequence[Annotation], period: Period) -> list[Share]:
    incidents = [mark for mark in marks if mark.kind == AnnotationKind.INCIDENT]
    slices = _bad_slices(row.slo, incidents, period)
    used = attribute(slices, [Mark(str(mark.pk), mark.starts_at, mark.ends_at) for mark in incidents])
    allowed, minutes = row.budget.events, row.budget.minutes

    def share(events: float) -> float:
        return events / allowed if allowed else 0.0

    found = [
        Share(
            ref="" if mark.restricted else mark.ref,
            title="Restricted incident" if mark.restricted else mark.title,
            url="" if mark.restricted else mark.url,
            share=share(used[str(mark.pk)]),
            events=used[str(mark.pk)],
            minutes=share(used[str(mark.pk)]) * minutes,
            starts_at=mark.starts_at,
            ends_at=mark.ends_at,
        )
        for mark in incidents
        if used.get(str(mark.pk))
    ]
    found.sort(key=lambda one: -one.share)
    # What incidents did not use is the rest of the whole: its slices, nearly all there are, need not be read.
    rest = max(0.0, row.count.adjusted.bad - sum(used.values()))
    found.append(Share("", "Rest, under no incident", "", share(rest), rest, share(rest) * minutes, None, None))
    return found


def _left_out(slo: Slo, allowed: float, period: Period) -> list[LeftOut]:
    rows = (
        SloExclusion.objects.filter(
            platform_id=slo.platform_id, starts_at__lt=period.until, ends_at__gt=period.starts_at
        )
        .filter(Q(slo=None) | Q(slo=slo))
        .filter(Q(service=None) | Q(service_id=slo.service_id))
        .select_related("requested_by", "approved_by")
        .order_by("starts_at", "pk")[:100]
    )
    buckets = SloBucket.objects.filter(slo=slo, res=5, ts__gt=period.starts_at - SLICE, ts__lt=period.until)
    slices = list(buckets.filter(xtotal__gt=F("xgood")).order_by("ts").values_list("ts", F("xtotal") - F("xgood")))
    found = []
    for row in rows:
        start, end = max(row.starts_at, period.starts_at) - SLICE, min(row.ends_at, period.until)
        is_counted = row.approved_at is not None and row.voided_at is None
        bad = sum(events for ts, events in slices if start < ts < end) if is_counted else 0.0
        found.append(LeftOut(row, bad / allowed if allowed else 0.0))
    return found
