"""A plan is bound to its hash and to another person's word; a crash never repeats a one-shot call."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor, system_actor
from opsportal.core.models import JSON
from opsportal.plans import execution
from opsportal.plans.execution import CallFailedError, plan_run, register_executor
from opsportal.plans.loops import expiry
from opsportal.plans.models import Approval, CallState, Plan, PlanCall, PlanState, RiskClass
from opsportal.plans.services import PlanDraft, PlannedCall, PlanRefusedError, plan_create, plan_decide
from opsportal.platforms.models import Platform

ActorFor = Callable[..., Actor]
APPROVED = Approval.Verdict.APPROVED
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_executors", {})


def make_plan(platform: Platform, at: datetime, by: Actor, *, risk: RiskClass = RiskClass.REPEATABLE) -> Plan:
    calls = [PlannedCall(operation="test.touch", target=f"thing {n}", risk=risk) for n in (1, 2)]
    draft = PlanDraft(
        kind="test",
        title="Touch",
        effect="Touches things.",
        calls=calls,
        starts_after=at,
        expires_at=at + timedelta(hours=1),
    )
    return plan_create(by=by, at=at, platform=platform, draft=draft)


def approve(plan: Plan, by: Actor, at: datetime) -> Approval:
    return plan_decide(by=by, at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash, expected=plan.version)


def approved_plan(platform: Platform, at: datetime, by: Actor, **values: RiskClass) -> Plan:
    plan = make_plan(platform, at, system_actor("tests"), **values)
    approve(plan, by, at)
    return plan


def test_the_requester_cannot_approve(platform: Platform, at: datetime, commander: User, actor_for: ActorFor) -> None:
    by = actor_for(commander)
    plan = make_plan(platform, at, by)
    with pytest.raises(PlanRefusedError, match="Another person"):
        approve(plan, by, at)
    assert Plan.objects.get().state == PlanState.AWAITING


def test_a_refused_decision_keeps_the_reason_that_was_typed(
    platform: Platform, commander: User, client_for: Callable[..., Client]
) -> None:
    plan = make_plan(platform, clock.now(), system_actor("tests"))
    data = {"verdict": "rejected", "reason": 'wrong "target"', "content_hash": "0" * 64, "version": plan.version}
    response = client_for(commander).post(f"/plans/{plan.pk}/decide/", data)
    assert response.status_code == 422
    assert 'value="wrong &#34;target&#34;"' in response.content.decode()


def test_the_live_calls_bring_the_state_word_of_the_pages_head(
    platform: Platform, commander: User, client_for: Callable[..., Client]
) -> None:
    plan = make_plan(platform, clock.now(), system_actor("tests"))
    word, client = f'id="plan-{plan.pk}-state"', client_for(commander)
    assert client.get(f"/plans/{plan.pk}/").content.decode().count(word) == 1
    part = client.get(f"/plans/{plan.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert part.count(f'{word} hx-swap-oob="true"') == part.count(word) == 1


def test_a_token_cannot_approve(platform: Platform, at: datetime, commander: User, actor_for: ActorFor) -> None:
    plan = make_plan(platform, at, system_actor("tests"))
    with pytest.raises(PlanRefusedError, match="Only a person"):
        approve(plan, replace(actor_for(commander), kind="token"), at)


def test_an_approval_names_the_content_that_was_read(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    plan = make_plan(platform, at, system_actor("tests"))
    with pytest.raises(PlanRefusedError, match="not the plan stored"):
        plan_decide(
            by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash="0" * 64, expected=plan.version
        )


def test_a_changed_call_is_another_plan(platform: Platform, at: datetime) -> None:
    by = system_actor("tests")
    one = make_plan(platform, at, by)
    other = make_plan(platform, at, by, risk=RiskClass.ONE_SHOT)
    assert one.content_hash != other.content_hash


def test_an_expired_plan_is_neither_approved_nor_run(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    plan = make_plan(platform, at, system_actor("tests"))
    with pytest.raises(PlanRefusedError, match="expired"):
        approve(plan, actor_for(commander), plan.expires_at)
    assert expiry(plan.expires_at) == 1
    plan.refresh_from_db()
    with pytest.raises(PlanRefusedError):
        plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan)


def test_an_approved_plan_runs_each_call_once_and_keeps_what_came_back(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    touched: list[str] = []

    def touch(call: PlanCall) -> Mapping[str, JSON]:
        touched.append(call.target)
        return {"after": len(touched)}

    register_executor("test.touch", touch)
    plan = approved_plan(platform, at, actor_for(commander))
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == PlanState.DONE
    assert touched == ["thing 1", "thing 2"]
    assert list(plan.calls.order_by("position").values_list("state", "result")) == [
        (CallState.DONE, {"after": 1}),
        (CallState.DONE, {"after": 2}),
    ]


def test_a_plan_does_not_run_before_its_window(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    plan = approved_plan(platform, at, actor_for(commander))
    with pytest.raises(PlanRefusedError, match="not opened"):
        plan_run(by=system_actor("tests"), clock=lambda: at - timedelta(seconds=1), plan=plan)


def test_a_failed_call_stops_the_plan_and_says_why(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    def refuse(call: PlanCall) -> Mapping[str, JSON]:
        raise CallFailedError(f"{call.target} is locked")

    register_executor("test.touch", refuse)
    plan = approved_plan(platform, at, actor_for(commander))
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == PlanState.FAILED
    plan.refresh_from_db()
    assert plan.error == "thing 1 is locked"
    assert list(plan.calls.order_by("position").values_list("state", flat=True)) == ["failed", "pending"]


@pytest.mark.parametrize(
    "risk, ends, runs", [(RiskClass.REPEATABLE, PlanState.DONE, 2), (RiskClass.ONE_SHOT, PlanState.UNKNOWN, 0)]
)
def test_a_call_cut_off_is_repeated_only_when_that_is_harmless(
    platform: Platform,
    at: datetime,
    commander: User,
    actor_for: ActorFor,
    *,
    risk: RiskClass,
    ends: PlanState,
    runs: int,
) -> None:
    touched: list[str] = []

    def touch(call: PlanCall) -> Mapping[str, JSON]:
        touched.append(call.target)
        return {}

    register_executor("test.touch", touch)
    plan = approved_plan(platform, at, actor_for(commander), risk=risk)
    plan.update_versioned(expected=plan.version, state=PlanState.RUNNING, started_at=at)
    cut_off = plan.calls.get(position=1)
    cut_off.update_versioned(expected=1, state=CallState.RUNNING, started_at=at)
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == ends
    assert len(touched) == runs


def test_a_failed_call_is_not_run_again_by_a_resumed_plan(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    touched: list[str] = []

    def refuse(call: PlanCall) -> Mapping[str, JSON]:
        touched.append(call.target)
        raise CallFailedError("locked")

    register_executor("test.touch", refuse)
    plan = approved_plan(platform, at, actor_for(commander))
    plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan)
    with pytest.raises(PlanRefusedError):
        plan_run(by=system_actor("tests"), clock=lambda: at, plan=Plan.objects.get(pk=plan.pk))
    assert touched == ["thing 1"]
