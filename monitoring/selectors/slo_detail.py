"""Objectives in depth: how each budget went, day by day, and what used it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import F, Q

from monitoring.models import LASTING, Annotation, AnnotationKind, Slo, SloBucket, SloExclusion
from monitoring.selectors.slo_counts import ceil_to
from monitoring.selectors.slo_policy import policies
from monitoring.selectors.slo_report import SloRow
from monitoring.slo.attribution import SLICE, Mark, attribute
from monitoring.slo.periods import Period, midnight
from monitoring.slo.policy import Policy
from monitoring.store import floor_to

# start, good, total, left out good, left out total, expected and covered slices
Hour = tuple[datetime, float, float, float, float, int, int]
Slice = tuple[datetime, float]  # start, bad events
OverT = TypeVar("OverT", Annotation, SloExclusion)
LISTED: Final = 100  # exclusions of one objective


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


def slo_details(rows: Sequence[SloRow], period: Period) -> dict[int, Detail]:
    """What stands below each row, by its objective's id; as many queries for a hundred of them as for one."""
    slos = [row.slo for row in rows]
    hours, marks = _hours(slos, period), _annotations(slos, period)
    bad = _bad_slices(slos, [mark for mark in marks if mark.kind == AnnotationKind.INCIDENT], period)
    own_policies = policies(slo.platform_id for slo in slos)
    exclusions, left_slices = _exclusions(slos, period), _left_slices(slos, period)
    shares = {row.slo.pk: _shares(row, _over(row.slo, marks), bad.get(row.slo.pk, ())) for row in rows}
    heavy = {row.slo.pk: _heavy(shares[row.slo.pk], own_policies[row.slo.platform_id]) for row in rows}
    refs = sorted({one.ref for found in heavy.values() for one in found})
    reviews = _reviews[0](refs) if refs and _reviews else {}
    details = {}
    for row in rows:
        slo, allowed = row.slo, row.budget.events
        own_hours = hours.get(slo.pk, ())
        details[slo.pk] = Detail(
            row=row,
            left=_left(own_hours, allowed, period),
            days=_days(own_hours, allowed, period),
            shares=shares[slo.pk],
            left_out=_left_out(_over(slo, exclusions), left_slices.get(slo.pk, ()), allowed, period),
            marks=_over(slo, marks),
            gaps=_gaps(own_hours, period),
            heavy=[(share, reviews.get(share.ref)) for share in heavy[slo.pk]],
            policy=own_policies[slo.platform_id],
        )
    return details


def slo_detail(row: SloRow, period: Period) -> Detail:
    """The same of one objective."""
    return slo_details([row], period)[row.slo.pk]


def _over(slo: Slo, rows: Sequence[OverT]) -> list[OverT]:
    """Those of the objective's platform that are of it, of its service, or of everything."""
    return [
        row
        for row in rows
        if row.platform_id == slo.platform_id
        and row.service_id in (None, slo.service_id)
        and getattr(row, "slo_id", None) in (None, slo.pk)
    ]


def _annotations(slos: Sequence[Slo], period: Period) -> list[Annotation]:
    rows = Annotation.objects.filter(platform_id__in={slo.platform_id for slo in slos}, starts_at__lt=period.until)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=period.starts_at))
    return list(rows.filter(kind__in=[AnnotationKind.INCIDENT, *LASTING]).order_by("starts_at", "pk"))


def _hours(slos: Sequence[Slo], period: Period) -> dict[int, Sequence[Hour]]:
    """What was counted by objective and hour, the first and the last hour only as far as the period goes: an hour's
    own bucket goes on.

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
    rows = SloBucket.objects.filter(inside, slo__in=slos).order_by("slo_id", "ts")
    found: dict[int, dict[datetime, Hour]] = {}
    for slo_id, ts, *counts in rows.values_list(
        "slo_id", "ts", "good", "total", "xgood", "xtotal", "expected", "covered"
    ):
        hour = max(floor_to(ts, 3600), start)
        if floor_to(ts, 3600) in midnights and ts >= midnights[floor_to(ts, 3600)]:
            hour = midnights[floor_to(ts, 3600)]
        own = found.setdefault(slo_id, {})
        before = own[hour][1:] if hour in own else (0.0, 0.0, 0.0, 0.0, 0, 0)
        good, total, xgood, xtotal, expected, covered = (a + b for a, b in zip(before, counts, strict=True))
        own[hour] = (hour, good, total, xgood, xtotal, int(expected), int(covered))
    return {slo_id: list(own.values()) for slo_id, own in found.items()}


def _midnights(period: Period) -> dict[datetime, datetime]:
    """Midnights of the period's zone that fall within an hour of UTC, by that hour."""
    zone, found = ZoneInfo(period.zone or "UTC"), {}
    day = period.starts_at.astimezone(zone).date()
    while (begins := midnight(day, zone)) < period.until:
        if floor_to(begins, 3600) != begins:
            found[floor_to(begins, 3600)] = begins
        day += timedelta(days=1)
    return found


def _heavy(shares: Sequence[Share], policy: Policy) -> list[Share]:
    return [share for share in shares if share.url and share.share > policy.review_share]


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


def _bad_slices(slos: Sequence[Slo], incidents: Sequence[Annotation], period: Period) -> dict[int, Sequence[Slice]]:
    """The 5-minute slices under any incident in which something failed, with their bad events, by objective."""
    if not incidents:
        return {}
    under = Q()
    for starts_at, ends_at in _merged(incidents):
        under |= Q(ts__gt=starts_at - SLICE) & (Q() if ends_at is None else Q(ts__lt=ends_at))
    buckets = SloBucket.objects.filter(under, slo__in=slos, res=5, ts__gte=period.starts_at, ts__lt=period.until)
    bad = buckets.annotate(bad=F("total") - F("xtotal") - F("good") + F("xgood")).filter(bad__gt=0)
    return _by_slo(bad.order_by("slo_id", "ts").values_list("slo_id", "ts", "bad"))


def _merged(incidents: Sequence[Annotation]) -> list[tuple[datetime, datetime | None]]:
    """Their stretches of time without overlap: a statement that grows with time, not with incidents."""
    found: list[tuple[datetime, datetime | None]] = []
    for mark in incidents:  # in order of their beginnings
        if found and (found[-1][1] is None or mark.starts_at <= found[-1][1]):
            begins, ends = found.pop()
            last = None if ends is None or mark.ends_at is None else max(ends, mark.ends_at)
            found.append((begins, last))
        else:
            found.append((mark.starts_at, mark.ends_at))
    return found


def _by_slo(rows: Iterable[tuple[int, datetime, float]]) -> dict[int, Sequence[Slice]]:
    found: dict[int, list[Slice]] = {}
    for slo_id, ts, events in rows:
        found.setdefault(slo_id, []).append((ts, events))
    return dict(found)


def _shares(row: SloRow, marks: Sequence[Annotation], slices: Sequence[Slice]) -> list[Share]:
    incidents = [mark for mark in marks if mark.kind == AnnotationKind.INCIDENT]
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
    rest = max(0.0, row.count.adjusted.bad - sum(events for ref, events in used.items() if ref))
    found.append(Share("", "Rest, under no incident", "", share(rest), rest, share(rest) * minutes, None, None))
    return found


def _exclusions(slos: Sequence[Slo], period: Period) -> list[SloExclusion]:
    rows = SloExclusion.objects.filter(
        platform_id__in={slo.platform_id for slo in slos}, starts_at__lt=period.until, ends_at__gt=period.starts_at
    )
    return list(rows.select_related("requested_by", "approved_by").order_by("starts_at", "pk"))


def _left_slices(slos: Sequence[Slo], period: Period) -> dict[int, Sequence[Slice]]:
    """The 5-minute slices of which exclusions left bad events out, with how many, by objective."""
    buckets = SloBucket.objects.filter(slo__in=slos, res=5, ts__gt=period.starts_at - SLICE, ts__lt=period.until)
    left = buckets.filter(xtotal__gt=F("xgood")).order_by("slo_id", "ts")
    return _by_slo(left.values_list("slo_id", "ts", F("xtotal") - F("xgood")))


def _left_out(
    exclusions: Sequence[SloExclusion], slices: Sequence[Slice], allowed: float, period: Period
) -> list[LeftOut]:
    found = []
    for row in exclusions[:LISTED]:
        start, end = max(row.starts_at, period.starts_at) - SLICE, min(row.ends_at, period.until)
        is_counted = row.approved_at is not None and row.voided_at is None
        bad = sum(events for ts, events in slices if start < ts < end) if is_counted else 0.0
        found.append(LeftOut(row, bad / allowed if allowed else 0.0))
    return found
