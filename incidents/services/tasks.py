"""Response tasks: who does what until when, while the incident runs."""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from incidents.choices import EntryKind, StateChoice
from incidents.errors import IncidentError
from incidents.models import Incident, ResponseTask
from incidents.services import notices
from incidents.services.access import check_may_know
from incidents.services.timeline import append
from opsportal.accounts.models import User
from opsportal.audit.services import record
from opsportal.core.actor import Actor, system_actor
from opsportal.core.formats import duration
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Membership

MOST_OPEN: Final = 50
LONGEST: Final = timedelta(days=30)
REMINDER: Final = system_actor("incidents.tasks")


def task_add(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    title: str,
    owner_id: int | None = None,
    within: timedelta | None = None,
    client_key: str = "",
) -> ResponseTask:
    """Ask for something to be done; the same `client_key` again returns that task. Raises IncidentError."""
    title = clean_text(title).strip()[:200]
    if not title:
        raise IncidentError("Say what is to be done.")
    if incident.state == StateChoice.CLOSED:
        raise IncidentError("This incident is closed; write an action item for what is left.")
    if within is not None and not timedelta(0) < within <= LONGEST:
        raise IncidentError("A task is due within a minute to thirty days; what takes longer is an action item.")
    try:
        with transaction.atomic():
            return _add(by=by, at=at, incident=incident, title=title, owner_id=owner_id, within=within, key=client_key)
    except IntegrityError:
        existing = ResponseTask.objects.filter(incident=incident, entry__client_key=client_key or None).first()
        if existing is None:
            raise
        return existing


def _add(
    *, by: Actor, at: datetime, incident: Incident, title: str, owner_id: int | None, within: timedelta | None, key: str
) -> ResponseTask:
    owner = _owner(incident, owner_id)
    if ResponseTask.objects.filter(incident=incident, done_at__isnull=True).count() >= MOST_OPEN:
        raise IncidentError(f"{MOST_OPEN} tasks are open already; finish some first.")
    whom = f" for {owner.name}" if owner else ""
    said = f"asked{whom}: {title}" + (f" (within {duration(within)})" if within else "")
    entry = append(incident, kind=EntryKind.TASK, body=said, by=by, at=at, client_key=key or None)
    task = ResponseTask.objects.create(
        incident=incident, entry=entry, title=title, owner=owner, due_at=at + within if within else None
    )
    if owner is not None and owner.pk != by.user_id:
        notices.tell_task(task, at)
    _finish(task, by=by, at=at, verb="added")
    return task


def _owner(incident: Incident, user_id: int | None) -> User | None:
    if user_id is None:
        return None
    if not Membership.objects.filter(platform_id=incident.platform_id, user_id=user_id, user__is_active=True).exists():
        raise IncidentError("Only an active member of the platform can be given a task.")
    check_may_know(incident, user_id)
    return User.objects.get(pk=user_id)


@transaction.atomic
def task_tick(*, by: Actor, at: datetime, task: ResponseTask, expected: int, done: bool) -> ResponseTask:
    """Say that it is done, or that it is not after all; said twice it stays as it is. Raises VersionConflictError."""
    if (task.done_at is not None) == done:
        return task
    task.update_versioned(expected=expected, done_at=at if done else None, done_by_id=by.user_id if done else None)
    said = f"did: {task.title}" if done else f"not done after all: {task.title}"
    append(task.incident, kind=EntryKind.TASK, body=said, by=by, at=at, data={"task": task.pk})
    _finish(task, by=by, at=at, verb="done" if done else "reopened")
    return task


@transaction.atomic
def task_take(*, by: Actor, at: datetime, task: ResponseTask, expected: int) -> ResponseTask:
    """Take a task upon oneself. Raises IncidentError, VersionConflictError: of two, one takes it."""
    if by.user_id is None:
        raise IncidentError("Only a person takes a task.")
    if task.done_at is not None:
        raise IncidentError("This is done already.")
    if task.owner_id == by.user_id:
        return task
    task.update_versioned(expected=expected, owner_id=by.user_id)
    append(task.incident, kind=EntryKind.TASK, body=f"took: {task.title}", by=by, at=at, data={"task": task.pk})
    _finish(task, by=by, at=at, verb="taken")
    return task


def _finish(task: ResponseTask, *, by: Actor, at: datetime, verb: str) -> None:
    touch("today", task.incident_id)
    record(
        by=by,
        at=at,
        verb=f"incidents.task.{verb}",
        obj_kind="incident",
        obj_id=task.incident_id,
        platform_id=task.platform_id,
        data={"task": task.pk, "owner": task.owner_id},
    )


def overdue_tasks(at: datetime) -> QuerySet[ResponseTask]:
    """What is due, not done and not reminded of, the longest due first; a closed incident asks for nothing."""
    rows: QuerySet[ResponseTask] = ResponseTask.objects.filter(
        due_at__lte=at, done_at__isnull=True, reminded_at__isnull=True
    )
    return rows.exclude(incident__state=StateChoice.CLOSED).order_by("due_at", "pk")


@transaction.atomic
def task_remind(at: datetime, pk: int) -> bool:
    """Remind the owner, or the commander, once; False when another dispatcher has it.

    The task's own version stays: nobody changed it.
    """
    rows = overdue_tasks(at).select_for_update(of=("self",), skip_locked=True)
    task = rows.select_related("incident", "owner").filter(pk=pk).first()
    if task is None:
        return False
    whose = f" ({task.owner.name})" if task.owner else ""
    append(
        task.incident,
        kind=EntryKind.TASK,
        body=f"Overdue: {task.title}{whose}",
        by=REMINDER,
        at=at,
        occurred_at=task.due_at,
        data={"task": task.pk},
    )
    notices.remind_task(task, at)
    ResponseTask.objects.filter(pk=pk).update(reminded_at=at)
    _finish(task, by=REMINDER, at=at, verb="overdue")
    return True
