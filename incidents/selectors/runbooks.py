"""Runbooks beside an incident: those that match, and those being carried out."""

from incidents.models import AlarmClaim, Incident
from monitoring.actions.requests import request_url
from monitoring.models import AlarmRule
from opsportal.core.actor import Actor
from opsportal.core.gate import allows
from opsportal.knowledge.models import RunbookRun
from opsportal.knowledge.selectors.runbooks import Match, matching_runbooks
from opsportal.knowledge.selectors.runs import RunView, run_view
from opsportal.plans.selectors import plans


def runbooks_matching(incident: Incident) -> list[Match]:
    """Those for the alarms that opened or joined the incident, then for its type and its service."""
    claims = AlarmClaim.objects.filter(incident=incident, transition__alarm__rule__isnull=False)
    alarms = set(claims.values_list("transition__alarm__rule__key", flat=True))
    if incident.signal:  # known from the first moment; the claim follows in the same transaction
        rules = AlarmRule.objects.filter(platform_id=incident.platform_id, service=incident.service)
        alarms.update(rules.filter(signal=incident.signal).values_list("key", flat=True))
    service = incident.service.key if incident.service else ""
    return matching_runbooks(incident.platform_id, alarms=alarms, service=service, kind=incident.type)


def runbook_runs_of(incident: Incident) -> list[RunView]:
    """The incident's runs with their steps: those going on first, newest first."""
    rows = RunbookRun.objects.filter(incident_link__incident=incident)
    rows = rows.select_related("runbook__platform", "platform", "text", "holder", "started_by")
    found = sorted(rows.order_by("-started_at", "-pk")[:10], key=lambda run: not run.is_running)
    return [run_view(run) for run in found]


def runbook_pane(actor: Actor, incident: Incident) -> dict[str, object]:
    """What the tab *Runbook* shows."""
    return {
        "matches": runbooks_matching(incident),
        "run_views": runbook_runs_of(incident),
        "may_run": allows(actor, "knowledge.runbook_run", incident),
        "my_id": actor.user_id,
        "plans": list(plans(actor).filter(subject=incident.reference).order_by("-requested_at", "-pk")[:10]),
        "act_url": request_url(platform="", subject=incident.reference)
        if incident.state != "closed" and allows(actor, "plans.plan_request", incident)
        else "",
    }
