"""Lists of incidents: one query for the rows, one for their clocks, whatever the number of incidents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from django.contrib.postgres.search import SearchQuery
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from incidents.choices import ClockKind, OutcomeChoice, StateChoice
from incidents.models import Incident, IncidentClock
from incidents.models.incident import INCIDENT_WORDS
from opsportal.core import prepared
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, first_page, keyset_page

LIST_PAGE: Final = 25  # with what is open, a page stays under 40 kB
OPEN_LIMIT: Final = 35  # the worst; nobody reads more at once, the rest is a link away
NEWEST: Final = ("-number",)
RECENT_LIMIT: Final = 500  # of the last 30 days, for the figures above the list


class IncidentRow(NamedTuple):
    """One line of a list."""

    pk: int
    number: int
    title: str
    rank: int
    label: str
    state: str
    stage: str
    platform_key: str
    service_name: str | None
    commander_name: str | None
    is_restricted: bool
    impact_started_at: datetime
    declared_at: datetime
    resolved_at: datetime | None
    review_state: str | None

    @property
    def reference(self) -> str:
        return f"INC-{self.number}"

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"

    @property
    def is_open(self) -> bool:
        return self.state == StateChoice.OPEN

    def lasted(self, now: datetime) -> timedelta:
        return (self.resolved_at or now) - self.impact_started_at


ROW: Final = (
    "pk",
    "number",
    "title",
    "rank",
    "severity__label",
    "state",
    "stage",
    "platform__key",
    "service__name",
    "commander__name",
    "is_restricted",
    "impact_started_at",
    "declared_at",
    "resolved_at",
    "review__state",
)


@dataclass(frozen=True, slots=True)
class ClockScore:
    """How an incident's clocks stand, for a list."""

    met: int = 0
    missed: int = 0
    review_due_at: datetime | None = None
    running: int = 0  # besides the review's


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """What a list is narrowed to; every field empty means all that the actor may see."""

    platform_id: int | None = None
    state: str = ""
    rank: int | None = None
    service: str = ""
    since: datetime | None = None
    text: str = ""
    view: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing beyond the platform."""
        return self == IncidentFilter(platform_id=self.platform_id)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.state or self.view)


def incident_by_number(actor: Actor, number: int) -> Incident:
    """The incident INC-`number` with what its page shows of it. Raises HiddenError."""
    rows = Incident.objects.visible_to(actor).select_related(
        "platform", "service", "severity", "commander", "declared_by", "review", "problem_link__problem"
    )
    incident = rows.filter(number=number).first()
    if incident is None:
        raise HiddenError("incidents.incident_view")
    incident.seen_by = actor
    return incident


def incident_to_log(actor: Actor, number: int) -> Incident:
    """INC-`number` as far as a log line asks; anything else is read when it is looked at. Raises HiddenError."""
    found = prepared.rows(_rows_to_log, actor, number=number)
    if not found:
        raise HiddenError("incidents.incident_view")
    incident: Incident = Incident.from_db(connection.alias, _TO_LOG, found[0])
    incident.seen_by = actor
    return incident


_TO_LOG: Final = ("id", "number", "platform_id", "is_restricted", "commander_id")


def _rows_to_log(actor: Actor, number: Any) -> Any:
    return Incident.objects.visible_to(actor).filter(number=number).values_list(*_TO_LOG)


def filtered(actor: Actor, asked: IncidentFilter, *, now: datetime) -> Any:
    """The queryset of a list."""
    rows: QuerySet[Incident] = Incident.objects.visible_to(actor).of_platform(asked.platform_id)
    if asked.state:
        rows = rows.filter(state=asked.state)
    if asked.rank is not None:
        rows = rows.filter(rank=asked.rank)
    if asked.service:
        rows = rows.filter(Q(service__key=asked.service) | Q(service__name__iexact=asked.service))
    if asked.since is not None:
        rows = rows.filter(declared_at__gte=asked.since)
    if asked.text:
        rows = _matching(rows, asked.text)
    views: Mapping[str, Q] = {
        "open": Q(state=StateChoice.OPEN),
        "no-commander": Q(state=StateChoice.OPEN, commander__isnull=True),
        "mine": Q(commander_id=actor.user_id or 0),
        "critical": Q(rank=1, declared_at__gte=now - timedelta(days=92)),
        "review-due": Q(state__in=[StateChoice.RESOLVED, StateChoice.CLOSED], pk__in=_review_due_ids()),
    }
    return rows.filter(views[asked.view]) if asked.view in views else rows


def _review_due_ids() -> Any:
    running = IncidentClock.objects.filter(kind=ClockKind.REVIEW, stopped_at__isnull=True)
    return running.values("incident_id")


def _matching(rows: QuerySet[Incident], text: str) -> QuerySet[Incident]:
    digits = text.upper().removeprefix("INC-").strip()
    if digits.isascii() and digits.isdigit() and len(digits) < 12:
        return rows.filter(number=int(digits))
    query = word_query(text)
    return rows.annotate(words=INCIDENT_WORDS).filter(words=query) if query else rows.none()


def word_query(text: str) -> SearchQuery | None:
    """Every word typed, each perhaps only begun; None without one."""
    words = re.findall(r"\w+", text)[:8]
    if not words:
        return None
    return SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")


def incident_page(
    actor: Actor, asked: IncidentFilter, *, now: datetime, cursor: str | None, size: int = LIST_PAGE
) -> Page[Any]:
    """One page, newest first. Without a narrowing, open ones are left to `open_rows`."""
    if asked.is_plain and cursor is None:
        found = prepared.rows(partial(_plain_first_rows, size + 1), actor, platform_id=asked.platform_id)
        return first_page([IncidentRow(*row) for row in found], order=NEWEST, size=size)
    rows = filtered(actor, asked, now=now)
    if not asked.is_narrowed:
        rows = rows.exclude(state=StateChoice.OPEN)
    page = keyset_page(rows.values_list(*ROW, named=True), order=NEWEST, cursor=cursor, size=size)
    return Page([IncidentRow(*row) for row in page.rows], page.next_cursor, page.previous_cursor)


def _plain_first_rows(limit: int, actor: Actor, platform_id: int | None) -> Any:
    rows = Incident.objects.visible_to(actor).of_platform(platform_id).exclude(state=StateChoice.OPEN)
    return rows.order_by(*NEWEST).values_list(*ROW)[:limit]


def open_rows(actor: Actor, asked: IncidentFilter, *, now: datetime) -> list[IncidentRow]:
    """The first open incidents, worst first."""
    if asked.is_plain:
        found = prepared.rows(_plain_open_rows, actor, platform_id=asked.platform_id)
    else:
        found = list(_open_rows(filtered(actor, asked, now=now)))
    return [IncidentRow(*row) for row in found]


def _open_rows(rows: QuerySet[Incident]) -> QuerySet[Incident, tuple[Any, ...]]:
    return rows.filter(state=StateChoice.OPEN).order_by("rank", "-number").values_list(*ROW)[:OPEN_LIMIT]


def _plain_open_rows(actor: Actor, platform_id: int | None) -> Any:
    return _open_rows(Incident.objects.visible_to(actor).of_platform(platform_id))


def clock_scores(actor: Actor, incident_ids: Sequence[int]) -> dict[int, ClockScore]:
    """How the clocks of these incidents, which the actor sees, stand, by incident id: one query."""
    found = prepared.rows(_score_rows, actor, incident_ids=list(incident_ids))
    return {pk: ClockScore(*score) for pk, *score in found}


def _score_rows(_actor: Actor, incident_ids: Any) -> Any:
    clocks = IncidentClock.objects.filter(incident_id__in=incident_ids).values_list("incident_id")
    return clocks.annotate(
        met=Count("pk", filter=Q(outcome=OutcomeChoice.MET)),
        missed=Count("pk", filter=Q(outcome=OutcomeChoice.MISSED)),
        review_due_at=Min("due_at", filter=Q(kind=ClockKind.REVIEW, stopped_at__isnull=True)),
        running=Count("pk", filter=Q(stopped_at__isnull=True) & ~Q(kind=ClockKind.REVIEW)),
    )


@dataclass(frozen=True, slots=True)
class ListSummary:
    """The line above the list. The figures of the last 30 days are those of the latest `RECENT_LIMIT`."""

    open: int
    without_commander: int
    reviews_due: int
    opened_30d: int
    acknowledge_median: timedelta | None
    resolve_median: timedelta | None
    worst_rank: int | None = None

    @property
    def is_cut(self) -> bool:
        """Whether more were opened in the 30 days than are looked at."""
        return self.opened_30d == RECENT_LIMIT


_OPEN: Final = "SELECT count(*), count(*) FILTER (WHERE commander_id IS NULL), min(rank)"
_RECENT: Final = (
    "SELECT count(*),"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledged_at - detected_at),"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY resolved_at - impact_started_at)"
)


def list_summary(actor: Actor, platform_id: int | None, *, now: datetime) -> ListSummary:
    """Counts and 30-day medians over what this actor may see."""
    since = now - timedelta(days=30)
    try:
        opened, known = prepared.statement(_summary_open, actor, platform_id=platform_id)
        recent, values = prepared.statement(_summary_recent, actor, platform_id=platform_id, since=since)
    except EmptyResultSet:  # a person of no platform
        return ListSummary(0, 0, 0, 0, None, None)
    with connection.cursor() as cursor:
        # Django's own SQL stands inside, with its parameters.
        sql = f"SELECT * FROM ({_OPEN} FROM ({opened}) o) o, ({_RECENT} FROM ({recent}) r) r"  # noqa: S608
        cursor.execute(sql, [*known, *values])
        standing, nobody, worst, count, acknowledged, resolved = cursor.fetchone()
    due = sum(n for (n,) in prepared.rows(_reviews_due, actor, platform_id=platform_id))
    return ListSummary(
        open=standing,
        without_commander=nobody,
        reviews_due=due,
        opened_30d=count,
        acknowledge_median=acknowledged,
        resolve_median=resolved,
        worst_rank=worst,
    )


def _summary_open(actor: Actor, platform_id: int | None) -> Any:
    rows = Incident.objects.visible_to(actor).of_platform(platform_id).filter(state=StateChoice.OPEN)
    return rows.order_by().values("rank", "commander_id")


def _summary_recent(actor: Actor, platform_id: int | None, since: Any) -> Any:
    rows = Incident.objects.visible_to(actor).of_platform(platform_id).filter(declared_at__gte=since)
    times = rows.order_by("-declared_at").values(
        "detected_at", "acknowledged_at", "resolved_at", "impact_started_at", "declared_at"
    )
    return times[:RECENT_LIMIT]


def _reviews_due(actor: Actor, platform_id: int | None) -> Any:
    rows = IncidentClock.objects.visible_to(actor).filter(kind=ClockKind.REVIEW, stopped_at__isnull=True)
    return rows.of_platform(platform_id).order_by().values("kind").annotate(n=Count("pk")).values_list("n")


def all_open(actor: Actor, _at: datetime) -> QuerySet[Any]:
    """Open incidents this actor may see: the number in the rail, and the worst of their ranks."""
    rows: QuerySet[Any] = Incident.objects.visible_to(actor).filter(state=StateChoice.OPEN)
    return rows
