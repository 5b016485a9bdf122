"""Plans asked for in an incident: each stage lands on its timeline; breaking the glass is said, told and reviewed."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from incidents.choices import ActionKind, ActionPriority, EntryKind, StateChoice
from incidents.models import Incident, IncidentRunbookRun
from incidents.services import notices
from incidents.services.access import known_to
from incidents.services.actions import action_item_add
from incidents.services.timeline import append
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.plans.models import Plan
from opsportal.plans.subjects import ALONE, Subject
from opsportal.platforms.days import last_day_over, zone_of
from opsportal.platforms.models import Membership, Role, Severity

REVIEW_WITHIN: Final = timedelta(hours=72)
PREFIX: Final = "INC"


def incident_of(subject: str, actor: Actor | None = None) -> Incident | None:
    """INC-12, as this actor (or the portal) may know it."""
    prefix, _, number = subject.partition("-")
    if prefix != PREFIX or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    rows = Incident.objects.all() if actor is None else Incident.objects.visible_to(actor)
    found: Incident | None = rows.select_related("severity").filter(number=int(number)).first()
    return found


def find(actor: Actor, subject: str) -> Subject | None:
    """The incident as what a plan is for."""
    incident = incident_of(subject, actor)
    if incident is None:
        return None
    is_open = incident.state != StateChoice.CLOSED
    return Subject(incident.reference, incident.url, incident.platform_id, is_open)


def hidden_subjects(actor: Actor) -> QuerySet[Any, Any]:
    """The references of incidents that this actor may not know to exist."""
    return Incident.objects.all().hidden_from(actor).references()


def plan_asked(plan: Plan, by: Actor, at: datetime) -> None:
    """Those who may decide are told that a plan waits, but for who asked."""
    incident = incident_of(plan.subject)
    if incident is not None:
        notices.tell_plan(incident, plan, by=by, at=at)


def plan_told(plan: Plan, text: str, by: Actor, at: datetime) -> None:
    """What became of a plan, on the timeline of its incident and in its open runbooks."""
    incident = incident_of(plan.subject)
    if incident is not None:
        for run_id in IncidentRunbookRun.objects.filter(incident=incident).values_list("run_id", flat=True):
            touch(f"runbook-run:{run_id}", plan.pk)
        append(incident, kind=EntryKind.PLAN, body=text, by=by, at=at, data={"plan": plan.pk})


def glass_refusal(actor: Actor, plan: Plan) -> str:
    """Only who commands the incident, while it is open and of its scheme's highest severity."""
    incident = incident_of(plan.subject)
    if incident is None or actor.user_id is None or incident.commander_id != actor.user_id:
        return ALONE
    if incident.state != StateChoice.OPEN:
        return f"{incident.reference} is {incident.state}. {ALONE}"
    worst = Severity.objects.filter(scheme_id=incident.severity.scheme_id).order_by("rank").first()
    if worst is None or incident.rank != worst.rank:
        return f"{incident.reference} is {incident.severity.label}. {ALONE}"
    return ""


def glass_broken(plan: Plan, reason: str, by: Actor, at: datetime) -> None:
    """Say it in plain words, tell the administrators, and have it reviewed within 72 hours by another person."""
    incident = Incident.objects.select_related("severity", "platform").get(pk=_known(plan).pk)
    zone = zone_of(incident.platform_id).key
    due = last_day_over(incident.platform_id, at + REVIEW_WITHIN)
    owner = _reviewer(incident, by.user_id)
    # The line before the item: whoever logs holds the timeline and waits for the audit's chain.
    append(
        incident,
        kind=EntryKind.STATE,
        body=f"approved their own plan {plan.short_hash}, {plan.title}, alone, without a second person (break-glass): "
        f"{reason}. An action item asks for its review until the end of {due:%Y-%m-%d} ({zone})",
        by=by,
        at=at,
        data={"plan": plan.pk, "break_glass": True},
    )
    item = action_item_add(
        by=by,
        at=at,
        incident=incident,
        title=f"Break-glass review of plan {plan.short_hash}: {plan.title}"[:200],
        kind=ActionKind.PROCESS,
        priority=ActionPriority.HIGH,
        owner_id=owner,
        due_date=due,
    )
    notices.tell_glass(incident, plan, reason, item, by=by, at=at)


def _known(plan: Plan) -> Incident:
    incident = incident_of(plan.subject)
    assert incident is not None
    return incident


def _reviewer(incident: Incident, not_user: int | None) -> int | None:
    """An administrator of the platform other than who broke the glass; of a restricted one, who may know of it."""
    rows = Membership.objects.filter(platform_id=incident.platform_id, role=Role.ADMIN, user__is_active=True)
    rows = rows.exclude(user_id=not_user or 0)
    if incident.is_restricted:
        rows = rows.filter(user_id__in=known_to(incident))
    found: int | None = rows.order_by("user_id").values_list("user_id", flat=True).first()
    return found
