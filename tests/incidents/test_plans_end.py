"""What was asked for on an incident ends with it: plans that wait are withdrawn, and nobody approves one later."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import EntryKind
from incidents.models import Incident
from incidents.services import incident_close, incident_merge, incident_resolve
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.plans.models import Approval, Plan, PlanState, RiskClass
from opsportal.plans.services import PlanDraft, PlannedCall, PlanRefusedError, plan_create, plan_decide, run_key
from opsportal.plans.tasks import carry_out
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Run
from opsportal.schedule.services import claim_run
from opsportal.schedule.tasks import PermanentTaskError
from tests.chain import chain_last
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db
ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
APPROVED = Approval.Verdict.APPROVED


def plan_for(incident: Incident, by: Actor, at: datetime) -> Plan:
    draft = PlanDraft(
        kind="test",
        title="Touch a thing",
        effect="It is touched.",
        calls=[PlannedCall(operation="test.touch", target="thing", risk=RiskClass.ONE_SHOT)],
        starts_after=None,
        expires_at=at + timedelta(minutes=30),
        subject=incident.reference,
    )
    return plan_create(by=by, at=at, platform=incident.platform, draft=draft)


@pytest.mark.parametrize("is_merged", [False, True], ids=["closed", "merged"])
def test_what_is_over_withdraws_its_plans_and_nobody_approves_one_later(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor, *,
    is_merged: bool,
) -> None:  # fmt: skip
    incident, by, approver = declare(platform, by=SYSTEM, at=at), actor_for(operator), actor_for(commander)
    waits, approved, runs = (plan_for(incident, by, at) for _ in range(3))
    plan_decide(
        by=approver, at=at, plan=approved, verdict=APPROVED, seen_hash=approved.content_hash, expected=approved.version
    )
    Plan.objects.filter(pk=runs.pk).update(state=PlanState.RUNNING, started_at=at)
    if is_merged:
        kept = declare(platform, by=SYSTEM, at=at, title="The same")
        with chain_last():
            incident_merge(by=by, at=at, incident=incident, expected=incident.version, target=kept)
    else:
        ended = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
        page = client_for(commander).get(f"{incident.url}close/").content.decode()
        assert page.count("Closed, it is withdrawn") == 2
        assert page.count("It goes on after the incident is closed") == 1
        texts = {"users_affected": "40", "cause": "Pool", "resolution": "Doubled"}
        with chain_last():
            incident_close(by=by, at=at, incident=ended, expected=ended.version, texts=texts, reviewer_id=commander.pk)
    why = f"{incident.reference} was closed{' as a duplicate' if is_merged else ''}"
    for plan, state in ((waits, "withdrawn"), (approved, "withdrawn"), (runs, "running")):
        plan.refresh_from_db()
        assert plan.state == state
    page = client_for(commander).get(f"/plans/{waits.pk}/").content.decode()
    assert "Nobody has decided yet" not in page
    assert f"because {why} by {operator.name}" in page
    line = f"withdrew plan {waits.short_hash}, Touch a thing: {why}. Nothing of it was done"
    assert incident.entries.filter(kind=EntryKind.PLAN, body=line).count() == 2
    claim = claim_run(run_id=Run.objects.get(key=run_key(approved)).pk, holder="test")
    assert claim is not None
    with pytest.raises(PermanentTaskError, match="withdrawn does not run"):
        carry_out(claim)
    late = plan_for(incident, by, at)
    with pytest.raises(PlanRefusedError, match=f"{incident.reference} is closed: reopen it and ask for the plan anew"):
        plan_decide(by=approver, at=at, plan=late, verdict=APPROVED, seen_hash=late.content_hash, expected=late.version)
