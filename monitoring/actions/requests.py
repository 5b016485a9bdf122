"""Asking for an action: checked parameters become a plan, and a runbook's step may ask as well."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.db import transaction
from django.urls import reverse

from monitoring.actions import databases, dns, ecs_services, sessions
from monitoring.actions.base import Action, ActionForm, Wanted
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.knowledge.runbooks.step_kinds import Question, StepAnswer, register_plan
from opsportal.plans.models import Plan, PlanCall, PlanState, RiskClass
from opsportal.plans.services import PlanDraft, PlannedCall, PlanRefusedError, plan_create
from opsportal.plans.subjects import find_subject
from opsportal.platforms.models import Platform

# A plan describes the state it was written in: an hour later it would be another plan.
DECIDED_WITHIN: Final = timedelta(minutes=30)
ACTIONS: Final[Mapping[str, Action]] = {
    action.key: action for action in (*ecs_services.ACTIONS, *databases.ACTIONS, *dns.ACTIONS, *sessions.ACTIONS)
}
_LIVE: Final = (PlanState.AWAITING, PlanState.APPROVED, PlanState.RUNNING)


def action_request(
    *, by: Actor, at: datetime, platform: Platform, action: Action, form: ActionForm, subject: str = ""
) -> Plan:
    """Write the plan of a valid form; asked again while it waits, the same plan is returned.

    Reads AWS or the database first, hurriedly. Raises PlanRefusedError when a precondition does not hold or cannot be
    checked, or what it is for is closed or not for this person to know.
    """
    if subject:
        known = find_subject(by, subject)
        if known is None or not known.is_open:
            why = f"{subject} is closed: reopen it first." if known else f"{subject} is not to be found."
            raise PlanRefusedError(f"{why} Nothing was stored.")
    drafted = action.draft(Wanted(platform, form.cleaned_data, at))
    draft = PlanDraft(
        kind=action.key,
        title=drafted.title[:160],
        effect=drafted.effect,
        calls=drafted.calls,
        starts_after=None,
        expires_at=at + DECIDED_WITHIN,
        subject=subject,
    )
    with transaction.atomic():
        # Held, so that of two who ask at once the second is given the first one's plan.
        Platform.objects.hold(platform.pk)
        return _same(by, platform, draft) or plan_create(by=by, at=at, platform=platform, draft=draft)


def _same(by: Actor, platform: Platform, draft: PlanDraft) -> Plan | None:
    """The plan that this person asked for already and that is not over."""
    rows = Plan.objects.filter(
        platform=platform, kind=draft.kind, subject=draft.subject, state__in=_LIVE, requested_by_id=by.user_id
    )
    wanted = [_told_apart(call) for call in draft.calls]
    plan: Plan
    for plan in rows.prefetch_related("calls").order_by("-pk")[:20]:
        known = sorted(plan.calls.all(), key=lambda call: call.position)
        if [_told_apart(call) for call in known] == wanted:
            return plan
    return None


def _told_apart(call: PlannedCall | PlanCall) -> object:
    """What tells two calls apart. The name of what would be made does not: it holds the minute it was asked in."""
    naming = ("request", "expects", "wants") if call.risk == RiskClass.NAMED else ()
    params = {name: said for name, said in call.params.items() if name not in naming}
    return [call.operation, call.target, orjson.loads(orjson.dumps(params))]


def request_url(*, platform: str, subject: str = "", action: str = "", params: Mapping[str, Any] | None = None) -> str:
    """The page that asks for an action, filled in as far as known."""
    known = {name: value for name, value in (params or {}).items() if isinstance(value, str | int)}
    asked = {"subject": subject} if subject else {"platform": platform}
    return f"{reverse('monitoring:act')}?{urlencode({**asked, **({'action': action} if action else {}), **known})}"


def plan_ask(question: Question) -> StepAnswer:
    """A runbook's step asks for its plan; what the runbook could not know, the person fills in on the form's page."""
    action, params = ACTIONS[str(question.params["plan"])], dict(question.params.get("params", {}))
    form = action.form(params, platform=question.platform)
    if not form.is_valid():
        missing = ", ".join(str(form.fields[name].label or name) for name in form.errors if name in form.fields)
        url = request_url(platform=question.platform.key, subject=question.subject, action=action.key, params=params)
        return StepAnswer("warn", f"{action.label}: fill in {missing}, then ask for the plan", question.at, url=url)
    try:
        plan = action_request(
            by=question.by,
            at=question.at,
            platform=question.platform,
            action=action,
            form=form,
            subject=question.subject,
        )
    except PlanRefusedError as refusal:
        return StepAnswer("unknown", f"{action.label}: {refusal}", question.at)
    said = f"plan {plan.short_hash} waits until {stamp(plan.expires_at)} for another person's approval"
    return StepAnswer("ok", f"{plan.title}: {said}", question.at, url=reverse("plans:plan", args=[plan.pk]))


def register() -> None:
    """Called once at start."""
    for key in ACTIONS:
        register_plan(key, plan_ask)
