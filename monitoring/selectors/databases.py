"""What the page *RDS and backups* shows: answers of platforms' databases, and what AWS says of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F, Q, QuerySet

from monitoring.databases.questions import QUESTIONS, Question
from monitoring.models import (
    WORST_FIRST,
    DatabaseAnswer,
    DatabasePoll,
    RdsEvent,
    Resource,
    ResourceKind,
    ResourcePoll,
    TargetDatabase,
    Verdict,
)
from monitoring.services.databases import READ_EVERY
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, head, rank_of

STALE_AFTER: Final = timedelta(seconds=2 * READ_EVERY)
RESOURCES_STALE: Final = timedelta(minutes=35)  # what changes by the day is read every 15 minutes
COMPARED: Final = 20  # databases, parameter groups
RDS_ROWS: Final = 16
MAINTENANCE: Final = 12
EVENTS_FIRST: Final = 8
NEWEST_EVENTS: Final = ("-happened_at", "-pk")
BY_NAME: Final = ("platform__name", "name", "pk")
NEWEST_ANSWERS: Final = ("-read_at", "-pk")
JOBS_BACK: Final = timedelta(days=3)
UPKEEP: Final = (
    ResourceKind.RDS_MAINTENANCE,
    ResourceKind.RDS_PARAMETERS,
    ResourceKind.RDS_LOGS,
    ResourceKind.RDS_LOAD,
)
KINDS: Final = (*UPKEEP, "rds_cluster", "rds_instance", "rds_snapshot", "backup_job", "rds_event")


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its newest answer; none where it was never asked."""

    question: Question
    answer: DatabaseAnswer | None


@dataclass(frozen=True, slots=True)
class DatabaseCard:
    """A platform's database with every question. `state` is the worst verdict, stale when it was not read lately.

    A reading clears `error` or fails: what could not be reached is stale from that moment on.
    """

    database: TargetDatabase
    fetched_at: datetime | None
    error: str
    facts: Mapping[str, Any]
    answers: Sequence[Answered]
    state: str

    @property
    def unanswered(self) -> int:
        """Questions of its last reading that were not answered: what else it says is not the whole."""
        if self.fetched_at is None:
            return 0
        return sum(one.answer is None or one.answer.verdict == Verdict.UNKNOWN for one in self.answers)


@dataclass(slots=True)
class RdsRow:
    """A database as RDS has it, and the newest of what belongs to it."""

    resource: Resource
    snapshot: Resource | None = None
    job: Resource | None = None
    upkeep: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))


def databases_of(actor: Actor, *, platform_id: int | None = None) -> QuerySet[TargetDatabase]:
    """Databases that are named, of the actor's platforms, to be ordered by BY_NAME."""
    rows = TargetDatabase.objects.visible_to(actor).of_platform(platform_id)
    return rows.select_related("platform", "environment", "poll")


def cards_of(databases: Iterable[TargetDatabase], *, at: datetime) -> list[DatabaseCard]:
    """Each database with its newest answers."""
    databases, newest = list(databases), defaultdict[int, dict[str, DatabaseAnswer]](dict)
    # The rows of an answer are for its own page.
    answers = DatabaseAnswer.objects.filter(
        database__in=[row.pk for row in databases], read_at=F("database__poll__fetched_at")
    ).defer("rows")
    for answer in answers:
        newest[answer.database_id][answer.question] = answer
    return [_card(row, newest[row.pk], at) for row in databases]


def _card(database: TargetDatabase, answers: Mapping[str, DatabaseAnswer], at: datetime) -> DatabaseCard:
    poll = getattr(database, "poll", None)
    verdicts = {answer.verdict for answer in answers.values()}
    state = next((word for word in WORST_FIRST if word in verdicts), "unknown")
    if poll is not None and poll.fetched_at is not None and (poll.error or at - poll.fetched_at > STALE_AFTER):
        state = "stale"
    return DatabaseCard(
        database=database,
        fetched_at=poll.fetched_at if poll else None,
        error=poll.error if poll else "",
        facts=poll.facts if poll else {},
        answers=[Answered(question, answers.get(key)) for key, question in QUESTIONS.items()],
        state=str(state),
    )


def database_polls() -> QuerySet[DatabasePoll]:
    """The readings of every database, for the portal's own figures."""
    return DatabasePoll.objects.select_related("database__platform").order_by("pk")


def answers_of(database: TargetDatabase, question: str) -> QuerySet[DatabaseAnswer]:
    """The answers to one question, to be ordered by NEWEST_ANSWERS."""
    return DatabaseAnswer.objects.filter(database=database, question=question)


def rds_rows(actor: Actor, *, at: datetime, platform_id: int | None = None) -> Head[RdsRow]:
    """Clusters and instances, the worst first, each with its newest snapshot, backup job and upkeep."""
    visible = Resource.objects.visible_to(actor).of_platform(platform_id)
    databases = visible.filter(kind__in=[ResourceKind.RDS_CLUSTER, ResourceKind.RDS_INSTANCE])
    worst = rank_of("state", ("fail", "warn", "unknown"))
    by_name = ("platform__name", "kind", "identifier", "pk")
    found = head(databases.select_related("platform", "service").order_by(worst, *by_name), RDS_ROWS)
    rows = [RdsRow(row) for row in found.rows]
    by_place: dict[tuple[int, str, str], list[RdsRow]] = defaultdict(list)
    for row in rows:
        by_place[_place(row.resource, row.resource.identifier)].append(row)
    names = {row.resource.identifier for row in rows}
    snapshots = visible.filter(kind=ResourceKind.RDS_SNAPSHOT, parent__in=names, state="ok")
    newest = ("account_id", "region", "parent")
    for one in snapshots.defer("data").order_by(*newest, "-happened_at", "-pk").distinct(*newest):
        for row in by_place.get(_place(one, one.parent), ()):
            row.snapshot = one
    jobs = visible.filter(kind=ResourceKind.BACKUP_JOB, happened_at__gt=at - JOBS_BACK).order_by("happened_at", "pk")
    for one in jobs:
        name = str(one.data.get("resource_arn", "")).rpartition(":")[2]
        for row in by_place.get(_place(one, name), ()):
            row.job = one
    accounts = {row.resource.account_id for row in rows}
    near = visible.filter(_belongs_to(names), kind__in=UPKEEP, account__in=accounts).defer("data")
    # Files and parameters by the hundred are for their own page.
    near = near.annotate(databases=F("data__databases"), log_bytes=F("data__bytes"))
    for one in near.order_by("kind", "identifier"):
        for name in one.databases or [one.identifier if one.kind in _OF_INSTANCE else one.parent]:
            for row in by_place.get(_place(one, name), ()):
                row.upkeep[one.kind].append(one)
    return Head(rows, found.total)


def _place(resource: Resource, name: str) -> tuple[int, str, str]:
    """What tells a database from its namesakes: AWS's names are unique in an account and region only."""
    return resource.account_id, resource.region, name


_OF_INSTANCE: Final = (ResourceKind.RDS_LOGS, ResourceKind.RDS_LOAD)


def _belongs_to(names: Collection[str]) -> Q:
    """What one of these databases has for a parent, for its own name, or uses with others."""
    named = Q(identifier__in=names, kind__in=_OF_INSTANCE)
    return Q(parent__in=names) | named | Q(data__databases__has_any_keys=list(names))


def pending_maintenance(actor: Actor, *, platform_id: int | None = None) -> Head[Resource]:
    """What waits for a database, what is done by itself soonest first."""
    rows = Resource.objects.visible_to(actor).of_platform(platform_id).filter(kind=ResourceKind.RDS_MAINTENANCE)
    return head(rows.select_related("platform").order_by(F("happened_at").asc(nulls_last=True), "pk"), MAINTENANCE)


def rds_events(actor: Actor, *, platform_id: int | None = None, source: str = "") -> QuerySet[RdsEvent]:
    """What happened to databases, to be ordered by NEWEST_EVENTS."""
    rows = RdsEvent.objects.visible_to(actor).of_platform(platform_id).select_related("platform", "service")
    return rows.filter(source=source) if source else rows


def unread_upkeep(actor: Actor) -> Sequence[ResourcePoll]:
    """Kinds that could not be read, with the permission that is missing."""
    rows = ResourcePoll.objects.exclude(error="").filter(kind__in=KINDS)
    if not actor.sees_all:
        rows = rows.filter(account__sources__platform_id__in=actor.platform_ids)
    return list(rows.select_related("account").order_by("kind", "pk").distinct()[:20])


@dataclass(frozen=True, slots=True)
class Comparison:
    """Settings that are not the same everywhere: one value a place, None where it is the default."""

    title: str
    places: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str | None]]]


def compared(title: str, places: Mapping[str, Mapping[str, str]]) -> Comparison:
    """The names whose values differ between places."""
    names = sorted({name for values in places.values() for name in values})
    rows = [(name, [values.get(name) for values in places.values()]) for name in names]
    return Comparison(title, list(places), [row for row in rows if len(set(row[1])) > 1])


def comparisons(actor: Actor, *, platform_id: int | None = None) -> list[Comparison]:
    """Where environments of a platform differ: its databases' live settings, its parameter groups."""
    live: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    answers = DatabaseAnswer.objects.visible_to(actor).of_platform(platform_id)
    answers = answers.filter(question="settings", read_at=F("database__poll__fetched_at")).exclude(verdict="unknown")
    answers = answers.select_related("platform", "database__environment").order_by("database__name", "pk")
    for answer in answers[:COMPARED]:
        database = answer.database
        place = f"{database.name} ({database.environment.name})" if database.environment else database.name
        live[answer.platform.name][place] = {row["name"]: str(row["live"]) for row in answer.rows}
    groups: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    found = Resource.objects.visible_to(actor).of_platform(platform_id).filter(kind=ResourceKind.RDS_PARAMETERS)
    for group in found.select_related("platform", "service__environment").order_by("identifier", "pk")[:COMPARED]:
        if group.platform is None:
            continue
        of, _, name = group.identifier.partition(":")
        place = f"{name} ({group.service.environment.name})" if group.service else name
        values = {row["name"]: row["value"] for row in group.data.get("changed", ())}
        groups[f"{group.platform.name}, {of} parameters"][place] = values
    titled = [*((f"{name}, live settings", places) for name, places in live.items()), *groups.items()]
    return [compared(title, places) for title, places in sorted(titled, key=lambda item: item[0]) if len(places) > 1]
