"""Action items: who does what by when, and what shows that it is done."""

from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from incidents.choices import ActionKind, ActionPriority, ActionState
from incidents.errors import IncidentError
from incidents.models import ActionItem, Incident, Review
from incidents.services import notices
from incidents.services.access import check_may_know
from incidents.services.base import next_number
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.platforms.days import today_of
from opsportal.platforms.models import Membership

REMIND_EVERY: Final = timedelta(days=7)


def _check_owner(platform_id: int, owner_id: int | None, incident: Incident | None) -> None:
    """An owner is a member; a new one of a restricted incident's item may know of it. Raises IncidentError."""
    if owner_id is None:
        return
    if not Membership.objects.filter(platform_id=platform_id, user_id=owner_id, user__is_active=True).exists():
        raise IncidentError("The owner must be an active member of the platform.")
    if incident is not None:
        check_may_know(incident, owner_id)


def _finish(item: ActionItem, *, by: Actor, at: datetime, verb: str) -> None:
    touch("today", item.pk)
    if item.incident_id is not None:
        touch(f"incident:{item.incident_id}", item.incident_id)
    record(
        by=by,
        at=at,
        verb=f"incidents.action_item.{verb}",
        obj_kind="action_item",
        obj_id=item.pk,
        platform_id=item.platform_id,
        data={"number": item.number, "state": item.state, "owner": item.owner_id},
    )


@transaction.atomic
def action_item_add(
    *,
    by: Actor,
    at: datetime,
    incident: Incident,
    title: str,
    kind: str = ActionKind.PREVENT,
    priority: int = ActionPriority.NORMAL,
    owner_id: int | None = None,
    due_date: date | None = None,
) -> ActionItem:
    """Write down what is to be done after an incident. Raises IncidentError."""
    title = clean_text(title).strip()
    if not title:
        raise IncidentError("Say what is to be done.")
    _check_owner(incident.platform_id, owner_id, incident)
    _check_due(incident.platform_id, due_date, at)
    item = ActionItem.objects.create(
        number=next_number("incidents_action_number"),
        platform_id=incident.platform_id,
        incident=incident,
        review=Review.objects.filter(incident=incident).first(),
        title=title[:200],
        kind=kind,
        priority=priority,
        owner_id=owner_id,
        due_date=due_date,
        created_by_id=by.user_id,
        created_at=at,
    )
    if owner_id != by.user_id:
        notices.tell_action_item(item, at)
    _finish(item, by=by, at=at, verb="added")
    return item


def _check_due(platform_id: int, due_date: date | None, at: datetime) -> None:
    if due_date is not None and due_date < today_of(platform_id, at):
        raise IncidentError(f"{due_date:%d %b %Y} is past; choose a day to come.")


@transaction.atomic
def action_item_update(  # noqa: PLR0913 - the row's fields by name
    *,
    by: Actor,
    at: datetime,
    item: ActionItem,
    expected: int,
    state: str,
    owner_id: int | None,
    due_date: date | None,
    evidence: str = "",
    priority: int | None = None,
) -> ActionItem:
    """Change owner, date, priority or state; done needs what shows it. Raises IncidentError, VersionConflictError."""
    evidence = clean_text(evidence).strip()
    if state == ActionState.DONE and not (evidence or item.evidence):
        raise IncidentError("Say what shows that it is done: a link, a test, a change.")
    if due_date != item.due_date:
        _check_due(item.platform_id, due_date, at)
    new_owner = owner_id != item.owner_id
    _check_owner(item.platform_id, owner_id, item.incident if new_owner else None)
    is_finished = state in (ActionState.DONE, ActionState.DROPPED)
    item.update_versioned(
        expected=expected,
        state=state,
        owner_id=owner_id,
        due_date=due_date,
        priority=priority or item.priority,
        evidence=evidence or item.evidence,
        finished_at=(item.finished_at or at) if is_finished else None,
    )
    if new_owner and owner_id != by.user_id:
        notices.tell_action_item(item, at)
    _finish(item, by=by, at=at, verb="completed" if state == ActionState.DONE else "changed")
    return item


def overdue_items(at: datetime) -> QuerySet[ActionItem]:
    """Unfinished items past their day whose owner was not reminded for a week, the longest overdue first."""
    rows: QuerySet[ActionItem] = ActionItem.objects.overdue(at).filter(
        Q(reminded_at=None) | Q(reminded_at__lte=at - REMIND_EVERY), owner__isnull=False
    )
    return rows.order_by("due_date", "pk")


@transaction.atomic
def action_item_remind(at: datetime, pk: int) -> bool:
    """Remind the owner; False when another dispatcher just did. The item's own version stays: nobody changed it."""
    item = overdue_items(at).select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    if item is None:
        return False
    notices.remind_action_item(item, at)
    ActionItem.objects.filter(pk=pk).update(reminded_at=at)
    return True
