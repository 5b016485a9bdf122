"""The plans API: what waits, what was decided and what came of it; tokens read and do nothing else."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.services.access import incident_restrict
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.plans.models import Approval, Plan, RiskClass
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create, plan_decide
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.incidents import declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
API = "/api/v1/plans/"


def planned(platform: Platform, by: Actor, at: datetime, subject: str = "") -> Plan:
    call = PlannedCall(operation="test.touch", target="thing", params={"n": 1}, risk=RiskClass.ONE_SHOT)
    ends = at + timedelta(minutes=30)
    draft = PlanDraft(
        kind="test", title="Touch", effect="It is touched.", calls=[call], starts_after=None, expires_at=ends,
        subject=subject,
    )  # fmt: skip
    return plan_create(by=by, at=at, platform=platform, draft=draft)


def test_a_token_reads_plans_by_state_and_by_incident(
    platform: Platform, at: datetime, operator: User, commander: User, stranger: User, actor_for: ActorFor,
    client_for: ClientFor, token: TokenPersona,
) -> None:  # fmt: skip
    incident = declare(platform, by=actor_for(operator), at=at)
    plan = planned(platform, actor_for(operator), at, incident.reference)
    waits = planned(platform, actor_for(commander), at)
    plan_decide(
        by=actor_for(commander), at=at, plan=plan, verdict=Approval.Verdict.REJECTED, seen_hash=plan.content_hash,
        expected=plan.version, reason="Not now",
    )  # fmt: skip
    client = client_for(token)
    assert [row["id"] for row in client.get(API).json()["results"]] == [waits.pk, plan.pk]
    assert [row["id"] for row in client.get(API, {"state": "awaiting"}).json()["results"]] == [waits.pk]
    assert [row["id"] for row in client.get(API, {"subject": incident.reference}).json()["results"]] == [plan.pk]
    assert client.get(API, {"state": "done or not"}).status_code == 400
    answer = client.get(f"{API}{plan.pk}/")
    found = answer.json()
    assert answer["ETag"]
    assert (found["state"], found["requested_by"], found["calls"][0]["risk"]) == ("rejected", "Operator", "one_shot")
    assert [(row["verdict"], row["by"], row["reason"]) for row in found["approvals"]] == [
        ("rejected", "Commander", "Not now")
    ]
    assert client_for(token_persona(stranger, "read")).get(f"{API}{plan.pk}/").status_code == 404


def test_a_token_neither_asks_nor_decides_and_knows_no_plan_of_a_restricted_incident(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor, token: TokenPersona
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    plan, client = planned(platform, by, at, incident.reference), client_for(token)
    for url in (API, f"{API}{plan.pk}/"):
        assert client.post(url, {"verdict": "approved"}, content_type="application/json").status_code in (403, 405)
    incident.refresh_from_db()
    incident_restrict(by=by, at=at, incident=incident, expected=incident.version, is_restricted=True)
    assert client.get(API).json()["results"] == []
    assert client.get(f"{API}{plan.pk}/").status_code == 404
