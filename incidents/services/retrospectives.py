"""Looking back: opened with the record of its days, written by several people, closed by one; then the next one."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from incidents.choices import ActionState, LookBack, OutcomeChoice, ReviewState
from incidents.errors import IncidentError
from incidents.models import ActionItem, Incident, IncidentClock, Retrospective, Review
from opsportal.audit.services import record
from opsportal.core.actor import Actor, system_actor
from opsportal.core.formats import plural
from opsportal.core.markdown import clean_text
from opsportal.notifications.services import Audience, notify
from opsportal.platforms.days import today_of, zone_of
from opsportal.platforms.models import Platform, Role

MOST_NAMED: Final = 20
OPENER: Final = system_actor("incidents.retrospectives")


def days_after(kind: str, starts_on: date) -> date:
    """The first day after one look back of that kind that begins on `starts_on`."""
    if kind == LookBack.MONTHLY:
        return starts_on + timedelta(days=monthrange(starts_on.year, starts_on.month)[1] - starts_on.day + 1)
    return starts_on + timedelta(days=14 if kind == LookBack.BIWEEKLY else 7)


def facts_of(platform: Platform, starts_on: date, ends_on: date) -> str:
    """The record of these days as Markdown. Restricted incidents are left out: members of every role read this."""
    zone = zone_of(platform.pk)
    since, until = (datetime.combine(day, time(), zone) for day in (starts_on, ends_on))
    incidents = Incident.objects.filter(platform=platform, is_restricted=False)
    begun = incidents.filter(declared_at__gte=since, declared_at__lt=until).order_by("number")
    named, total = list(begun.select_related("severity")[:MOST_NAMED]), begun.count()
    published = Review.objects.filter(
        incident__in=incidents, state=ReviewState.PUBLISHED, published_at__gte=since, published_at__lt=until
    )
    missed = IncidentClock.objects.filter(
        incident__in=incidents, outcome=OutcomeChoice.MISSED, due_at__gte=since, due_at__lt=until
    )
    items = ActionItem.objects.filter(platform=platform, incident__in=incidents)
    finished = items.filter(state=ActionState.DONE, finished_at__gte=since, finished_at__lt=until)
    overdue = items.unfinished().filter(due_date__lt=ends_on)
    lines = [
        f"- {plural(total, 'incident')} declared",
        *(f"  - [{row.reference}]({row.url}) {row.severity.label} {row.title}" for row in named),
        *([f"  - and {total - MOST_NAMED} more"] if total > MOST_NAMED else []),
        f"- {plural(published.count(), 'review')} published",
        f"- {plural(missed.count(), 'clock')} missed",
        f"- {plural(finished.count(), 'action item')} done, {overdue.count()} overdue",
    ]
    return "\n".join(lines)


@transaction.atomic
def retrospective_open(*, by: Actor, at: datetime, platform: Platform, kind: str, starts_on: date) -> Retrospective:
    """Open the look back over the days from `starts_on`. Raises IncidentError while they run or when it exists."""
    ends_on = days_after(kind, starts_on)
    Platform.objects.hold(platform.pk)  # two series of one kind never overlap
    same = Retrospective.objects.filter(platform=platform, kind=kind, starts_on__lt=ends_on, ends_on__gt=starts_on)
    if (other := same.order_by("starts_on").first()) is not None:
        raise IncidentError(f"{other} is there already.")
    if ends_on > today_of(platform.pk, at):
        raise IncidentError(f"These days end on {ends_on - timedelta(days=1):%d %b %Y}: look back after them.")
    row = Retrospective.objects.create(
        platform=platform,
        kind=kind,
        starts_on=starts_on,
        ends_on=ends_on,
        facts=facts_of(platform, starts_on, ends_on),
        opened_at=at,
    )
    notify(
        key=f"retrospective:{row.pk}:opened",
        kind="incident.retrospective",
        to=Audience(platform.pk, (Role.OPERATOR, Role.COMMANDER, Role.MANAGER, Role.ADMIN)),
        subject=f"{row} of {platform.name} is open",
        body="Write what went well and what to improve.",
        url=row.url,
        group_key=f"retrospective:{platform.pk}:{kind}",
        at=at,
        platform_id=platform.pk,
    )
    row.keep(by=by, at=at)
    _record(row, "opened", by=by, at=at)
    return row


def _record(row: Retrospective, verb: str, *, by: Actor, at: datetime) -> None:
    record(
        by=by,
        at=at,
        verb=f"incidents.retrospective.{verb}",
        obj_kind="retrospective",
        obj_id=row.pk,
        platform_id=row.platform_id,
        data={"kind": row.kind, "starts_on": row.starts_on.isoformat()},
    )


@transaction.atomic
def retrospective_write(
    *, by: Actor, at: datetime, row: Retrospective, expected: int, well: str, improve: str, actions: str
) -> Retrospective:
    """Write the three texts; those that stood stay readable.

    Raises IncidentError when it is closed, VersionConflictError.
    """
    if row.closed_at is not None:
        raise IncidentError("It is closed; its text stands.")
    row.update_versioned(
        expected=expected, well=clean_text(well), improve=clean_text(improve), actions=clean_text(actions)
    )
    row.keep(by=by, at=at)
    _record(row, "written", by=by, at=at)
    return row


@transaction.atomic
def retrospective_close(*, by: Actor, at: datetime, row: Retrospective, expected: int, is_last: bool) -> Retrospective:
    """It was held. `is_last` ends the series. Raises IncidentError, VersionConflictError."""
    if row.closed_at is not None:
        raise IncidentError("It is closed already.")
    if not (row.well.strip() or row.improve.strip() or is_last):
        raise IncidentError("Write what went well or what to improve first.")
    row.update_versioned(expected=expected, closed_at=at, closed_by_id=by.user_id, is_last=is_last)
    if is_last:  # the next one may be open already: the series ends with the newest
        later = Retrospective.objects.filter(platform=row.platform_id, kind=row.kind, starts_on__gt=row.starts_on)
        later.update(is_last=True, version=F("version") + 1)
    _record(row, "closed", by=by, at=at)
    return row


def due_series(at: datetime) -> list[Retrospective]:
    """The newest look back of each series whose next days are over as well."""
    same = Retrospective.objects.filter(platform_id=OuterRef("platform_id"), kind=OuterRef("kind"))
    newest = Retrospective.objects.filter(
        pk=Subquery(same.order_by("-starts_on").values("pk")[:1]), is_last=False, ends_on__lt=at.date()
    )
    rows = newest.select_related("platform").order_by("pk")
    return [row for row in rows if days_after(row.kind, row.ends_on) <= today_of(row.platform_id, at)]
