"""A plan asked for in an incident: each stage on its timeline, break-glass only where it is allowed, and reviewed."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest
from django.test import Client

from incidents.choices import EntryKind
from incidents.models import ActionItem, Incident
from incidents.selectors.related import changes_nearby
from incidents.selectors.situation import error_sample
from incidents.services import incident_acknowledge
from incidents.services.access import incident_restrict
from monitoring.actions.base import Action, ActionForm, Drafted, Wanted
from monitoring.actions.requests import action_request
from monitoring.models import Deployment, EvidenceResult
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.models import JSON, VersionConflictError
from opsportal.knowledge.runbooks.step_kinds import Followed, followed
from opsportal.notifications.models import Notice
from opsportal.plans import execution, subjects
from opsportal.plans.execution import CallFailedError, CallUnknownError, plan_run, register_executor
from opsportal.plans.loops import expiry, lost
from opsportal.plans.models import Approval, Plan, PlanCall, PlanState, RiskClass
from opsportal.plans.selectors import plans
from opsportal.plans.services import (
    PlanDraft,
    PlannedCall,
    PlanRefusedError,
    plan_break_glass,
    plan_create,
    plan_decide,
    run_key,
)
from opsportal.plans.subjects import Subject, SubjectRoom, find_subject, register_plan_subjects
from opsportal.plans.tasks import carry_out
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.services import claim_run
from tests.at_once import at_once
from tests.chain import chain_last
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db
ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
APPROVED = Approval.Verdict.APPROVED


@pytest.fixture(autouse=True)
def own_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_executors", {"test.touch": lambda _call: {"after": 1}})


def _draft(at: datetime) -> PlanDraft:
    return PlanDraft(
        kind="test",
        title="Touch a thing",
        effect="It is touched.",
        calls=[PlannedCall(operation="test.touch", target="thing", risk=RiskClass.ONE_SHOT)],
        starts_after=None,
        expires_at=at + timedelta(minutes=30),
    )


def plan_for(incident: Incident, by: Actor, at: datetime) -> Plan:
    draft = replace(_draft(at), subject=incident.reference)
    return plan_create(by=by, at=at, platform=incident.platform, draft=draft)


def lines(incident: Incident) -> list[str]:
    rows = incident.entries.filter(data__has_key="plan").order_by("number")
    return [body.replace(Plan.objects.latest("pk").short_hash, "HASH") for body in rows.values_list("body", flat=True)]


def commanded(platform: Platform, by: Actor, at: datetime, label: str = "P0") -> Incident:
    incident = declare(platform, by=SYSTEM, at=at, label=label)
    return incident_acknowledge(by=by, at=at, incident=incident, expected=incident.version)


def test_every_stage_is_a_line_and_the_worker_begins_at_once(
    platform: Platform, operator: User, commander: User, actor_for: ActorFor
) -> None:
    at = clock.now()
    incident = declare(platform, by=SYSTEM, at=at)
    plan = plan_for(incident, actor_for(operator), at)
    assert list(Notice.objects.filter(kind="incident.plan").values_list("user_id", flat=True)) == [commander.pk]
    plan_decide(
        by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash, expected=plan.version
    )
    claim = claim_run(run_id=Run.objects.get(key=run_key(plan)).pk, holder="test")
    assert claim is not None
    assert carry_out(claim) == {"state": PlanState.DONE}
    found = lines(incident)
    assert found[0].startswith("requested plan HASH, Touch a thing; another person must approve it until")
    assert stamp(at + timedelta(minutes=30)) in found[0]
    assert found[1:] == [
        "approved plan HASH, Touch a thing",
        "began plan HASH, Touch a thing",
        "carried out plan HASH, Touch a thing",
    ]
    kinds = incident.entries.filter(data__plan=plan.pk).values_list("kind", flat=True)
    assert set(kinds) == {EntryKind.PLAN}


def test_a_plan_carried_out_stands_at_once_among_what_changed_but_not_another_ones_secret(
    platform: Platform, operator: User, commander: User, actor_for: ActorFor
) -> None:
    at = clock.now()
    incident, other = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at, title="Leak")
    for one in (incident, other):
        plan = plan_for(one, actor_for(operator), at)
        plan_decide(
            by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash,
            expected=plan.version,
        )  # fmt: skip
        plan.refresh_from_db()
        plan_run(by=SYSTEM, clock=lambda: at, plan=plan)
    Deployment.objects.create(
        platform=platform, external_id="ecs-svc/3", label="web:45", state="completed", started_at=at, is_restart=True
    )
    first = Plan.objects.get(subject=incident.reference)
    found = {change.url: (change.kind, change.title) for change in changes_nearby(incident)}
    assert found[f"/plans/{first.pk}/"] == ("Plan", f"Touch a thing (plan {first.short_hash}), done")
    assert found[""] == ("Restart, same version", "web:45 completed")
    assert len(found) == 3
    incident_restrict(by=SYSTEM, at=at, incident=other, expected=other.version, is_restricted=True, user_ids=[])
    assert len(changes_nearby(incident)) == 2


def test_a_step_that_asked_for_a_plan_says_what_became_of_it(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    plan = plan_for(incident, actor_for(operator), at)
    url = f"/plans/{plan.pk}/"
    waits = followed([url])[url]
    assert (waits.kind, waits.may_ask) == ("run", False)
    assert waits.summary.endswith("for another person's approval")
    plan_decide(
        by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash, expected=plan.version
    )
    plan.refresh_from_db()
    plan_run(by=SYSTEM, clock=lambda: at, plan=plan)
    said = f"Touch a thing: plan {plan.short_hash} done {stamp(at)}, approved by {commander.name}"
    assert followed([url, "/plans/x/", "/elsewhere/"]) == {url: Followed("ok", said, may_ask=False)}
    Plan.objects.update(state=PlanState.FAILED, error="locked")
    assert followed([url])[url].may_ask


@pytest.mark.parametrize(
    "error, ends, said",
    [
        (CallFailedError("locked"), PlanState.FAILED, "failed in plan HASH, Touch a thing: locked"),
        (CallUnknownError("no answer"), PlanState.UNKNOWN, "could not tell what became of plan HASH"),
    ],
)
def test_what_went_wrong_is_said_as_well(
    platform: Platform,
    at: datetime,
    operator: User,
    commander: User,
    actor_for: ActorFor,
    *,
    error: Exception,
    ends: PlanState,
    said: str,
) -> None:
    def refuse(_call: PlanCall) -> Mapping[str, JSON]:
        raise error

    register_executor("test.touch", refuse)
    incident = declare(platform, by=SYSTEM, at=at)
    plan = plan_for(incident, actor_for(operator), at)
    plan_decide(
        by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash, expected=plan.version
    )
    assert plan_run(by=SYSTEM, clock=lambda: at, plan=plan) == ends
    assert lines(incident)[-1].startswith(said)


def test_a_plan_nobody_decides_on_lapses_and_one_nobody_goes_on_with_is_unknown(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    plan_for(incident, actor_for(operator), at)
    assert expiry(at + timedelta(minutes=31)) == 1
    assert "nobody approved it" in lines(incident)[-1]
    stuck = plan_for(incident, actor_for(operator), at)
    stuck.update_versioned(expected=stuck.version, state=PlanState.RUNNING, started_at=at)
    assert lost(at) == 1
    stuck.refresh_from_db()
    assert stuck.state == PlanState.UNKNOWN
    assert "Look before you act again" in lines(incident)[-1]


def test_of_many_that_run_one_question_finds_those_that_nobody_goes_on_with(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor,
    django_assert_num_queries: Callable[..., AbstractContextManager[object]],
) -> None:  # fmt: skip
    incident = declare(platform, by=SYSTEM, at=at)
    held = [plan_for(incident, actor_for(operator), at) for _ in range(3)]
    for plan in held:
        plan_decide(
            by=actor_for(commander), at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash,
            expected=plan.version,
        )  # fmt: skip
        plan.update_versioned(expected=plan.version, state=PlanState.RUNNING, started_at=at)
    with django_assert_num_queries(2):
        assert lost(at) == 0
    Run.objects.filter(key=run_key(held[1])).update(state=RunState.FAILED)
    assert lost(at) == 1
    held[1].refresh_from_db()
    assert held[1].state == PlanState.UNKNOWN


def test_only_the_room_that_a_subject_is_of_speaks_for_its_plans(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = actor_for(operator)
    told: list[str] = []
    rooms = dict(subjects._rooms)
    monkeypatch.setattr(subjects, "_rooms", rooms)
    register_plan_subjects(
        SubjectRoom(
            prefix="DRILL",
            hidden=rooms["INC"].hidden,
            find=lambda _actor, name: Subject(name, "/", platform.pk, is_open=True),
            asked=lambda plan, _by, _at: told.append(f"asked {plan.subject}"),
            told=lambda plan, _text, _by, _at: told.append(f"told {plan.subject}"),
            refusal=lambda _actor, _plan: "Never in a drill.",
            broken=lambda plan, _reason, _by, _at: told.append(f"broken {plan.subject}"),
        )
    )
    plan = plan_for(commanded(platform, by, at), by, at)
    glass(plan, by, at)
    plan.refresh_from_db()
    assert plan.state == PlanState.APPROVED
    assert told == []
    drill = plan_create(by=by, at=at, platform=platform, draft=replace(_draft(at), subject="DRILL-1"))
    assert told == ["told DRILL-1", "asked DRILL-1"]
    with pytest.raises(PlanRefusedError, match="Never in a drill"):
        glass(drill, by, at)
    assert find_subject(by, "DRILL-1") is not None
    assert find_subject(by, "CHANGE-1") is None
    Plan.objects.filter(pk=drill.pk).update(subject="CHANGE-1")
    drill.refresh_from_db()
    with pytest.raises(PlanRefusedError, match="Only the commander"):
        glass(drill, by, at)


def test_of_two_approvers_one_wins(
    platform: Platform, at: datetime, operator: User, commander: User, admin: User, actor_for: ActorFor
) -> None:
    plan = plan_for(declare(platform, by=SYSTEM, at=at), actor_for(operator), at)
    seen = [Plan.objects.get(pk=plan.pk), Plan.objects.get(pk=plan.pk)]
    decide = partial(plan_decide, at=at, seen_hash=plan.content_hash, expected=1, verdict=APPROVED)
    decide(by=actor_for(commander), plan=seen[0])
    with pytest.raises(VersionConflictError):
        decide(by=actor_for(admin), plan=seen[1])
    assert Approval.objects.filter(plan=plan).count() == 1
    assert Run.objects.filter(key=run_key(plan)).count() == 1


def glass(plan: Plan, by: Actor, at: datetime, reason: str = "Everyone else is on a plane") -> Approval:
    return plan_break_glass(by=by, at=at, plan=plan, seen_hash=plan.content_hash, expected=plan.version, reason=reason)


def test_the_commander_of_a_p0_breaks_the_glass_and_it_is_reviewed(
    platform: Platform, at: datetime, operator: User, admin: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = commanded(platform, by, at)
    plan = plan_for(incident, by, at)
    with pytest.raises(PlanRefusedError, match="Another person"):
        plan_decide(by=by, at=at, plan=plan, verdict=APPROVED, seen_hash=plan.content_hash, expected=plan.version)
    with pytest.raises(PlanRefusedError, match="Say why"):
        glass(plan, by, at, reason=" ")
    with chain_last("plans_"):
        assert glass(plan, by, at).is_break_glass
    plan.refresh_from_db()
    assert plan.state == PlanState.APPROVED
    assert Run.objects.filter(key=run_key(plan)).exists()
    item = ActionItem.objects.get()
    assert item.title == f"Break-glass review of plan {plan.short_hash}: Touch a thing"
    assert (item.incident, item.owner, item.due_date) == (incident, admin, date(2026, 3, 12))
    ends_at = ActionItem.objects.with_end().values_list("ends_at", flat=True).get()
    assert ends_at <= at + timedelta(hours=72)
    line = incident.entries.get(data__break_glass=True)
    assert "alone, without a second person (break-glass): Everyone else is on a plane" in line.body
    assert line.body.endswith("until the end of 2026-03-12 (Europe/Berlin)")
    told = Notice.objects.filter(kind="incident.break_glass")
    assert list(told.values_list("user_id", flat=True)) == [admin.pk]
    with pytest.raises(PlanRefusedError, match="already approved"):
        glass(plan, by, at)


@pytest.mark.parametrize("case", ["not the highest", "not the commander", "resolved", "another's plan", "no subject"])
def test_the_glass_holds_everywhere_else(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, *, case: str
) -> None:
    by = actor_for(operator)
    incident = commanded(platform, by, at, "P1" if case == "not the highest" else "P0")
    asked = by if case != "another's plan" else actor_for(commander)
    plan = plan_for(incident, asked, at)
    if case == "not the commander":
        Incident.objects.update(commander=commander)
    if case == "resolved":
        Incident.objects.update(state="resolved", resolved_at=at, mitigated_at=at)
    if case == "no subject":
        Plan.objects.update(subject="")
        plan.refresh_from_db()
    with pytest.raises(PlanRefusedError, match="Nothing was changed"):
        glass(plan, by, at)
    assert not Approval.objects.exists()
    assert not ActionItem.objects.exists()


def test_neither_a_token_nor_an_old_second_factor_breaks_the_glass(
    platform: Platform, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at, by = clock.now(), actor_for(operator)
    incident = commanded(platform, by, at)
    plan = plan_for(incident, by, at)
    with pytest.raises(PlanRefusedError, match="Only a person"):
        glass(plan, replace(by, kind="token"), at)
    sent = {"version": plan.version, "content_hash": plan.content_hash, "reason": "Nobody else is here"}
    url = f"/plans/{plan.pk}/break-glass/"
    stale = client_for(operator, mfa=False).post(url, sent)
    assert stale.status_code in (302, 303)
    assert stale["Location"].startswith("/accounts/confirm/")
    page = client_for(operator).get(f"/plans/{plan.pk}/").content.decode()
    assert "Approve alone" in page
    assert client_for(operator).post(url, sent).status_code in (302, 303)
    plan.refresh_from_db()
    assert plan.state == PlanState.APPROVED


def test_the_gate_holds_the_glass_for_everyone_else(
    platform: Platform, commander: User, admin: User, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    at = clock.now()
    plan = plan_for(commanded(platform, actor_for(operator), at), actor_for(operator), at)
    sent = {"version": plan.version, "content_hash": plan.content_hash, "reason": "I want to"}
    for who in (commander, admin):
        assert client_for(who).post(f"/plans/{plan.pk}/break-glass/", sent).status_code == 403
        assert "Approve alone" not in client_for(who).get(f"/plans/{plan.pk}/").content.decode()


def test_a_plan_of_a_restricted_incident_is_as_hidden(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = commanded(platform, actor_for(operator), at)
    plan = plan_for(incident, actor_for(operator), at)
    incident_restrict(by=actor_for(operator), at=at, incident=incident, expected=incident.version, is_restricted=True)
    assert not plans(actor_for(commander)).exists()
    assert client_for(commander).get(f"/plans/{plan.pk}/").status_code == 404
    assert client_for(commander).get(f"/act/?subject={incident.reference}").status_code == 404
    assert plans(actor_for(operator)).get() == plan
    assert client_for(operator).get(f"/act/?subject={incident.reference}").status_code == 200


def test_the_pane_leads_to_the_request_and_shows_its_plans(
    platform: Platform, at: datetime, operator: User, viewer: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    plan_for(incident, actor_for(operator), at)
    page = client_for(operator).get(f"{incident.url}?tab=runbook").content.decode()
    assert f"/act/?subject={incident.reference}" in page
    assert "Touch a thing" in page
    assert "/act/?subject" not in client_for(viewer).get(f"{incident.url}?tab=runbook").content.decode()
    chosen = client_for(operator).get(f"/act/?subject={incident.reference}").content.decode()
    assert "Scale a service" in chosen
    asked = client_for(operator).get(f"/act/?subject={incident.reference}&action=fail-over")
    assert asked.status_code == 200
    refused = client_for(operator).post("/act/", {"subject": incident.reference, "action": "fail-over"})
    assert refused.status_code == 422
    assert "Choose one" in refused.content.decode()


def test_the_log_is_asked_for_when_an_incident_opens_and_its_lines_stand_in_the_situation(
    platform: Platform, at: datetime, operator: User, viewer: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    asked = Run.objects.get(key=f"log-sample:{incident.pk}")
    assert asked.args["params"] == {"service": "web", "minutes": 30}
    url = f"{incident.url}situation/"
    assert "not read yet" in client_for(operator).get(url).content.decode()
    values = {"params": asked.args["params"], "fetched_at": at, "created_at": at, "digest": "0"}
    EvidenceResult.objects.create(
        platform=platform,
        check_name="logs.errors",
        verdict="warn",
        summary="1 error lines in 30 min",
        got={"lines": [["2026-03-10 08:59:00", "ERROR <b>no</b>"]]},
        **values,
    )
    page = client_for(operator).get(url).content.decode()
    assert "ERROR &lt;b&gt;no&lt;/b&gt;" in page
    assert "2026-03-10 08:59:00 UTC" in page
    assert "Read again" in page
    page = client_for(viewer).get(url).content.decode()
    assert "Read again" not in page
    assert "ERROR" not in page
    assert "1 error lines in 30 min" in page
    EvidenceResult.objects.create(
        platform=platform,
        check_name="logs.errors",
        verdict="unknown",
        summary="The role lacks logs:StartQuery: no",
        **{**values, "created_at": at + timedelta(minutes=1)},
    )
    assert "could not check: The role lacks logs:StartQuery" in client_for(operator).get(url).content.decode()
    assert client_for(operator).post(f"{incident.url}logs/").status_code in (302, 303)
    assert Run.objects.filter(key=f"log-sample:{incident.pk}").count() == 2


def test_a_closed_incident_gets_no_plan_by_a_runbook_that_goes_on(
    platform: Platform, at: datetime, operator: User, stranger: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    touch = PlannedCall(operation="test.touch", target="thing", risk=RiskClass.ONE_SHOT)
    action = Action(
        key="touch",
        label="Touch",
        does="",
        form=ActionForm,
        draft=lambda _wanted: Drafted("Touch", "Touched.", [touch]),
    )
    form = ActionForm({}, platform=platform)
    assert form.is_valid()
    ask = partial(action_request, at=at, platform=platform, action=action, form=form, subject=incident.reference)
    with pytest.raises(PlanRefusedError, match="not to be found"):
        ask(by=actor_for(stranger))
    assert ask(by=actor_for(operator)).subject == incident.reference
    Plan.objects.all().update(state=PlanState.EXPIRED)
    Incident.objects.filter(pk=incident.pk).update(state="closed", resolved_at=at, closed_at=at)
    with pytest.raises(PlanRefusedError, match="is closed: reopen it"):
        ask(by=actor_for(operator))
    assert Plan.objects.count() == 1


def test_the_errors_beside_an_incident_are_of_its_own_time(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    Incident.objects.filter(pk=incident.pk).update(state="resolved", resolved_at=at + timedelta(hours=1))
    incident.refresh_from_db()
    for minutes in (-31, 121, -29, 119):
        EvidenceResult.objects.create(
            platform=platform,
            check_name="logs.errors",
            params={"service": "web", "minutes": 30},
            verdict="warn",
            summary=f"read at {minutes}",
            fetched_at=at,
            created_at=at + timedelta(minutes=minutes),
            digest="0",
        )
        found = error_sample(incident)
        assert (found.summary if found else "") == ("" if minutes in (-31, 121) else f"read at {minutes}")
    # It is over: the log of now is not asked for its sake.
    assert "Read again" not in client_for(operator).get(f"{incident.url}situation/").content.decode()
    client_for(operator).post(f"{incident.url}logs/")
    assert Run.objects.filter(key=f"log-sample:{incident.pk}").count() == 1


def test_the_plans_of_an_incident_are_lines_of_a_kind_of_their_own(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    plan_for(incident, actor_for(operator), at)
    client = client_for(operator)
    assert "requested plan" in client.get(incident.url, {"kind": "plan"}).content.decode()
    assert "requested plan" not in client.get(incident.url, {"kind": "runbook"}).content.decode()
    exported = b"".join(client.get(f"{incident.url}timeline.csv")).decode()
    assert ",plan," in next(line for line in exported.splitlines() if "requested plan" in line)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_ask_at_once_for_the_same_both_are_given_one_plan(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    def draft(_wanted: Wanted) -> Drafted:
        return Drafted("Touch", "Touched.", [PlannedCall(operation="test.touch", target="thing")])

    action = Action(key="touch", label="Touch", does="", form=ActionForm, draft=draft)
    form = ActionForm({}, platform=platform)
    assert form.is_valid()
    ask = partial(action_request, by=actor_for(operator), at=at, platform=platform, action=action, form=form)
    found = at_once(*[ask] * 4)
    assert Plan.objects.count() == 1
    assert set(found) == {Plan.objects.get()}
