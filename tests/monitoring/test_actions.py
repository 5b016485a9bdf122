"""Actions against the simulated AWS: what is refused before a plan, what a plan does, what is said to be unknown."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from monitoring.actions import base
from monitoring.actions.dns import CHANGE
from monitoring.actions.ecs_services import SCALE
from monitoring.actions.requests import ACTIONS, action_request, plan_ask
from monitoring.evidence.runner import run_check
from monitoring.models import AwsAccount, MetricSource, Resource, ResourceKind
from monitoring.runbook_steps import query_ask
from monitoring.services.accounts import aws_session
from opsportal.accounts.models import User
from opsportal.aws import acting, ecs, rds, route53
from opsportal.aws.errors import AwsUnreachableError
from opsportal.aws.session import forget_clients
from opsportal.core.actor import Actor, system_actor
from opsportal.knowledge.runbooks.step_kinds import Question
from opsportal.knowledge.runbooks.text import StepKind
from opsportal.local.aws.catalogue import ACCOUNT, ACT_ROLE_NAME, EXTERNAL_IDS, REGION, ROLE_NAME
from opsportal.plans import execution
from opsportal.plans.execution import plan_run
from opsportal.plans.models import Approval, CallState, Plan, PlanState
from opsportal.plans.services import PlanRefusedError, plan_decide
from opsportal.platforms.models import Platform
from tests.local.aws.simulator import Simulator, running_simulator

pytestmark = [pytest.mark.django_db, pytest.mark.aws]
ActorFor = Callable[..., Actor]
WORKER = system_actor("tests")
SERVICE = ("shop-management-cluster", "shop-management-api")
CLUSTER = "shop-management-aurora"


@pytest.fixture(scope="module")
def fast() -> Iterator[Simulator]:
    """A shop that lives forty times as fast: a failover takes a second."""
    start = datetime.now(UTC).replace(microsecond=0).isoformat()
    with running_simulator(clock=f"{start}@40") as simulator:
        yield simulator
    forget_clients()


@pytest.fixture
def shop(
    platform: Platform, at: datetime, fast: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    """The platform with an account that has an act role, and its resources as the collector writes them."""
    settings.AWS_ENDPOINT_URL = fast.url
    monkeypatch.setattr(base, "PAUSE_SECONDS", 0.1)
    account = AwsAccount.objects.create(
        account_id=ACCOUNT,
        name="Shops",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}",
        act_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ACT_ROLE_NAME}",
        external_id=EXTERNAL_IDS[ACCOUNT],
        regions=[REGION],
        created_at=at,
    )
    MetricSource.objects.create(platform=platform, account=account, region=REGION)
    rows: list[tuple[str, str, dict[str, Any]]] = [
        (ResourceKind.ECS_SERVICE, "/".join(SERVICE), {}),
        (ResourceKind.ECS_SERVICE, "bookstore-cluster/bookstore-web", {}),
        (
            ResourceKind.RDS_CLUSTER,
            CLUSTER,
            {"members": [{"instance": f"{CLUSTER}-{n}", "writer": n == 0} for n in range(3)]},
        ),
        (ResourceKind.RDS_CLUSTER, "bookstore-production", {}),
        (ResourceKind.RDS_INSTANCE, f"{CLUSTER}-1", {"cluster": CLUSTER}),
        (ResourceKind.RDS_INSTANCE, "production-postgres", {"multi_az": True}),
        (ResourceKind.CERTIFICATE, "arn:certificate", {"domain": "bookstore.example.com"}),
    ]
    for kind, identifier, data in rows:
        Resource.objects.create(
            platform=platform,
            account=account,
            region=REGION,
            kind=kind,
            identifier=identifier,
            data=data,
            fetched_at=at,
        )
    return platform


def ask(platform: Platform, by: Actor, at: datetime, key: str, **params: Any) -> Plan:
    action = ACTIONS[key]
    form = action.form(params, platform=platform)
    assert form.is_valid(), form.errors
    return action_request(by=by, at=at, platform=platform, action=action, form=form)


def approve(plan: Plan, by: Actor, at: datetime) -> Plan:
    approved = Approval.Verdict.APPROVED
    plan_decide(by=by, at=at, plan=plan, verdict=approved, seen_hash=plan.content_hash, expected=plan.version)
    return plan


def carry_out(plan: Plan, at: datetime) -> Plan:
    plan_run(by=WORKER, clock=lambda: at, plan=plan)
    return Plan.objects.get(pk=plan.pk)


def result(plan: Plan) -> dict[str, Any]:
    kept: dict[str, Any] = plan.calls.get().result
    return kept


def test_a_service_is_scaled_and_read_back(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, fast: Simulator
) -> None:
    plan = ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=5)
    call = plan.calls.get()
    assert call.params["request"] == {"cluster": SERVICE[0], "service": SERVICE[1], "desiredCount": 5}
    assert (call.params["account"], call.params["role"].rpartition("/")[2]) == (ACCOUNT, ACT_ROLE_NAME)
    assert "Cost: 2" in plan.effect
    assert ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=5) == plan
    done = carry_out(approve(plan, actor_for(commander), at), at)
    assert done.state == PlanState.DONE
    assert result(done)["before"]["tasks wanted"] == 3
    assert result(done)["after"]["tasks wanted"] == 5
    found = ecs.service(fast.account, REGION, cluster=SERVICE[0], name=SERVICE[1])
    assert found is not None
    assert found.desired == 5
    with pytest.raises(PlanRefusedError, match="already"):
        ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=5)
    with pytest.raises(PlanRefusedError, match="slip"):
        ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=90)


def test_every_task_is_replaced_once(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    plan = ask(shop, actor_for(operator), at, "restart-tasks", target="bookstore-cluster/bookstore-web")
    done = carry_out(approve(plan, actor_for(commander), at), at)
    assert done.state == PlanState.DONE
    assert result(done)["before"]["deployment"] != result(done)["after"]["deployment"]
    with pytest.raises(PlanRefusedError, match="in progress"):
        ask(shop, actor_for(operator), at, "restart-tasks", target="bookstore-cluster/bookstore-web")


@pytest.mark.parametrize("target", [CLUSTER, "production-postgres"])
def test_a_snapshot_is_found_again_and_not_made_twice(
    shop: Platform,
    at: datetime,
    operator: User,
    commander: User,
    actor_for: ActorFor,
    fast: Simulator,
    *,
    target: str,
) -> None:
    plan = approve(ask(shop, actor_for(operator), at, "take-snapshot", target=target), actor_for(commander), at)
    assert carry_out(plan, at).state == PlanState.DONE
    # The worker is lost after AWS took it: the call is begun again.
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.RUNNING)
    plan.calls.update(state=CallState.RUNNING, result={})
    again = carry_out(Plan.objects.get(pk=plan.pk), at)
    assert again.state == PlanState.DONE
    assert "may have done it" in result(again)["note"]
    found = [*rds.cluster_snapshots(fast.account, REGION), *rds.instance_snapshots(fast.account, REGION)]
    assert sum(row.identifier == plan.calls.get().params["wants"]["snapshot"] for row in found) == 1


def test_a_snapshot_asked_for_again_a_minute_later_is_the_same_plan(
    shop: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    """A step of a runbook that is asked again because its worker was lost."""
    by = actor_for(operator)
    plan = ask(shop, by, at, "take-snapshot", target=CLUSTER)
    assert ask(shop, by, at + timedelta(minutes=1), "take-snapshot", target=CLUSTER) == plan
    other = ask(shop, by, at + timedelta(minutes=1), "take-snapshot", target="production-postgres")
    assert other != plan
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.DONE)
    assert ask(shop, by, at + timedelta(minutes=1), "take-snapshot", target=CLUSTER) not in (plan, other)


def test_a_cluster_and_an_instance_fail_over(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    plan = ask(shop, actor_for(operator), at, "fail-over", target=CLUSTER)
    assert plan.calls.get().params["request"]["TargetDBInstanceIdentifier"] == f"{CLUSTER}-1"
    assert carry_out(approve(plan, actor_for(commander), at), at).state == PlanState.DONE
    assert result(plan)["after"] == {"status": "available", "writer": f"{CLUSTER}-1"}
    standby = ask(shop, actor_for(operator), at, "fail-over", target="production-postgres")
    assert standby.calls.get().params["request"]["ForceFailover"] is True
    assert carry_out(approve(standby, actor_for(commander), at), at).state == PlanState.DONE


def test_the_reader_that_shall_write_is_chosen_from_the_cluster(
    shop: Platform, at: datetime, operator: User, actor_for: ActorFor, fast: Simulator
) -> None:
    members = rds.clusters(fast.account, REGION, identifier=CLUSTER)[0].members
    writer, reader = (
        next(member.instance for member in members if member.writer is writes) for writes in (True, False)
    )
    form = ACTIONS["fail-over"].form({"target": CLUSTER, "to": "somebody-else"}, platform=shop)
    assert form.errors["to"] == ["somebody-else is in none of this platform's clusters as they were last read."]
    # Which of them writes is asked of AWS, not of what was last read.
    with pytest.raises(PlanRefusedError, match=f"{writer} writes already: of {CLUSTER} can take over"):
        ask(shop, actor_for(operator), at, "fail-over", target=CLUSTER, to=writer)
    plan = ask(shop, actor_for(operator), at, "fail-over", target=CLUSTER, to=reader)
    assert plan.calls.get().params["request"]["TargetDBInstanceIdentifier"] == reader


def test_an_instance_reboots(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    plan = ask(shop, actor_for(operator), at, "reboot-instance", target=f"{CLUSTER}-1")
    assert carry_out(approve(plan, actor_for(commander), at), at).state == PlanState.DONE
    assert result(plan)["after"] == {"status": "rebooting"}


def test_a_record_of_the_platforms_own_domain_points_elsewhere(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, fast: Simulator
) -> None:
    elsewhere = {"target": "arn:certificate", "type": "CNAME", "ttl": 60, "values": "standby.example.net"}
    with pytest.raises(PlanRefusedError, match="not in"):
        ask(shop, actor_for(operator), at, "change-dns", name="nothing", **elsewhere)
    plan = ask(shop, actor_for(operator), at, "change-dns", name="api", **elsewhere)
    assert carry_out(approve(plan, actor_for(commander), at), at).state == PlanState.DONE
    found = route53.record(fast.account, REGION, name="api.bookstore.example.com", kind="CNAME")
    assert found is not None
    assert found.values == ("standby.example.net",)
    form = ACTIONS["change-dns"].form({**elsewhere, "name": "api", "values": "no name"}, platform=shop)
    assert not form.is_valid()


@pytest.mark.parametrize(
    "kind, values, written",
    [
        ("A", "192.0.2.7 192.0.2.10,192.0.2.7", ["192.0.2.10", "192.0.2.7"]),
        ("AAAA", "2001:DB8:0:0:0:0:0:1", ["2001:db8::1"]),
        ("CNAME", "Standby.Example.NET.", ["standby.example.net"]),
        ("A", "999.1.1.1", None),
        ("A", "192.0.2.07", None),
        ("A", "2001:db8::1", None),
        ("AAAA", ":::", None),
        ("AAAA", "fe80::1%eth0", None),
        ("AAAA", "192.0.2.7", None),
        ("CNAME", "one.example.net two.example.net", None),
        ("CNAME", "192.0.2.7", None),
        ("CNAME", ",", None),
    ],
)
def test_what_a_record_shall_point_to_is_an_address_or_a_name(
    shop: Platform, *, kind: str, values: str, written: list[str] | None
) -> None:
    said = {"target": "arn:certificate", "name": "api", "ttl": 60, "type": kind, "values": values}
    form = ACTIONS["change-dns"].form(said, platform=shop)
    assert form.is_valid() == (written is not None), form.errors
    if written is not None:
        assert form.cleaned_data["values"] == written


def test_an_address_is_the_same_however_route_53_spells_it(
    shop: Platform, at: datetime, operator: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = route53.DnsRecord(
        zone_id="Z1", zone="bookstore.example.com.", name="api.bookstore.example.com.", kind="AAAA", ttl=60,
        values=("2001:0DB8::0001",), is_plain=True,
    )  # fmt: skip
    monkeypatch.setattr(route53, "record", lambda *_args, **_more: held)
    said = {"target": "arn:certificate", "name": "api", "type": "AAAA", "ttl": 60}
    with pytest.raises(PlanRefusedError, match="points there already"):
        ask(shop, actor_for(operator), at, "change-dns", **said, values="2001:db8:0::1")
    call = ask(shop, actor_for(operator), at, "change-dns", **said, values="2001:db8::2").calls.get()
    assert call.params["expects"] == {"values": ["2001:db8::1"], "ttl": 60}
    monkeypatch.setattr(route53, "record", lambda *_args, **_more: replace(held, values=("2001:DB8:0:0::2",)))
    place = base.Place(AwsAccount.objects.get(), REGION, aws_session(AwsAccount.objects.get()))
    assert CHANGE.reached(CHANGE.look(place, call.params["request"]), call.params)


def test_nothing_can_be_asked_for_without_an_act_role(
    shop: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    AwsAccount.objects.update(act_role_arn="")
    with pytest.raises(PlanRefusedError, match="no act role"):
        ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=7)
    assert not Plan.objects.exists()


def test_another_platforms_resource_is_not_offered(shop: Platform, other_platform: Platform) -> None:
    form = ACTIONS["scale-service"].form({"target": "/".join(SERVICE), "tasks": 7}, platform=other_platform)
    assert "that were last read" in form.errors["target"][0]


def test_what_changed_since_the_plan_is_left_alone(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    plan = ask(shop, actor_for(operator), at, "scale-service", target="bookstore-cluster/bookstore-web", tasks=4)
    other = ask(shop, actor_for(operator), at, "scale-service", target="bookstore-cluster/bookstore-web", tasks=6)
    assert plan.content_hash != other.content_hash
    assert carry_out(approve(other, actor_for(commander), at), at).state == PlanState.DONE
    failed = carry_out(approve(plan, actor_for(commander), at), at)
    assert failed.state == PlanState.FAILED
    assert "tasks wanted was 2, is 6. Nothing was done" in failed.error


def test_a_role_changed_since_the_approval_is_not_taken(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    plan = ask(shop, actor_for(operator), at, "reboot-instance", target="production-postgres")
    approve(plan, actor_for(commander), at)
    AwsAccount.objects.update(act_role_arn=f"arn:aws:iam::{ACCOUNT}:role/other")
    failed = carry_out(plan, at)
    assert failed.state == PlanState.FAILED
    assert "not the one approved" in failed.error


def test_what_aws_refuses_has_failed(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    AwsAccount.objects.update(act_role_arn=f"arn:aws:iam::{ACCOUNT}:role/unknown")
    plan = ask(shop, actor_for(operator), at, "reboot-instance", target="production-postgres")
    failed = carry_out(approve(plan, actor_for(commander), at), at)
    assert failed.state == PlanState.FAILED
    assert "AWS refused" in failed.error
    assert "Nothing was done" in failed.error


@pytest.mark.parametrize(
    "was_sent, ends", [(False, PlanState.UNKNOWN), (True, PlanState.DONE)], ids=["not provable", "proven"]
)
def test_a_lost_one_shot_is_read_back_and_never_sent_again(
    shop: Platform,
    at: datetime,
    operator: User,
    commander: User,
    actor_for: ActorFor,
    monkeypatch: pytest.MonkeyPatch,
    *,
    was_sent: bool,
    ends: PlanState,
) -> None:
    plan = ask(shop, actor_for(operator), at, "restart-tasks", target="/".join(SERVICE))
    approve(plan, actor_for(commander), at)
    sent: list[str] = []
    really = acting.act

    def act(*args: Any) -> Any:
        sent.append(args[2])
        if was_sent:
            really(*args)
        raise SystemExit  # as a kill: nothing is written after it

    monkeypatch.setattr(base, "act", act)
    with suppress(SystemExit):
        plan_run(by=WORKER, clock=lambda: at, plan=plan)
    resumed = carry_out(Plan.objects.get(pk=plan.pk), at)
    assert (resumed.state, sent) == (ends, ["ecs:UpdateService"])


def test_no_answer_to_a_one_shot_is_unknown_unless_it_shows(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "act", _silent)
    target = "bookstore-production"
    plan = ask(shop, actor_for(operator), at, "fail-over", target=target)
    approve(plan, actor_for(commander), at)
    monkeypatch.setattr(base.AwsCall, "_wait", lambda self, place, params: self.look(place, params["request"]))
    unknown = carry_out(plan, at)
    assert unknown.state == PlanState.UNKNOWN
    assert "look before you act again" in unknown.error


def _silent(*_args: Any) -> Any:
    raise AwsUnreachableError(
        what="rds", permission="rds:FailoverDBCluster", code="ReadTimeoutError", detail="no answer"
    )


def test_the_reading_role_changes_nothing_and_no_call_is_made_outside_a_plan(shop: Platform, fast: Simulator) -> None:
    request = {"cluster": SERVICE[0], "service": SERVICE[1], "desiredCount": 1}
    account = acting.acting_account(fast.account, role_arn=fast.account.role_arn or "", plan=1)
    with pytest.raises(acting.ActingRefusedError):
        acting.act(account, REGION, "ecs:UpdateService", request)
    with acting.plan_acting():
        with pytest.raises(Exception, match="not authorized to perform: ecs:UpdateService"):
            acting.act(account, REGION, "ecs:UpdateService", request)
        with pytest.raises(acting.ActingRefusedError):
            acting.act(account, REGION, "rds:DeleteDBCluster", {})
        with pytest.raises(acting.ActingRefusedError):  # would be repeated by botocore
            acting.act(replace(account, attempts=3), REGION, "ecs:UpdateService", request)


def test_a_step_of_a_runbook_asks_for_its_plan(
    shop: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    params = {"plan": "scale-service", "params": {"target": "bookstore-cluster/bookstore-web", "tasks": 8}}
    question = Question(platform=shop, kind=StepKind.ACTION, params=params, at=at, by=actor_for(operator))
    answer = plan_ask(question)
    plan = Plan.objects.get()
    assert (answer.verdict, answer.url, plan.requested_by_id) == ("ok", f"/plans/{plan.pk}/", operator.pk)
    assert plan_ask(question).url == answer.url
    bare = replace(question, params={"plan": "scale-service"}, subject="INC-7")
    assert plan_ask(bare).url == "/act/?subject=INC-7&action=scale-service"
    assert Plan.objects.count() == 1


def test_every_call_of_a_plan_is_in_the_act_policy() -> None:
    document = acting.act_policy_document(account_id=ACCOUNT)
    allowed = {action for row in document["Statement"] if row["Effect"] == "Allow" for action in row["Action"]}
    used = {way.__self__.action for way in execution._executors.values() if hasattr(way, "__self__")}
    assert used == allowed == {operation.action for operation in acting.ACTS}
    assert SCALE.action in used
    assert not [action for action in allowed if "*" in action]


def test_a_plan_lapses(shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor) -> None:
    plan = ask(shop, actor_for(operator), at, "reboot-instance", target="production-postgres")
    with pytest.raises(PlanRefusedError, match="expired"):
        approve(plan, actor_for(commander), at + timedelta(minutes=31))


def test_the_log_of_a_service_is_read_and_what_is_missing_is_named(shop: Platform, fast: Simulator) -> None:
    now = fast.control.state()["now"]
    web = shop.services.get(key="web")
    definition = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/bookstore-api:41"
    Resource.objects.filter(identifier="bookstore-cluster/bookstore-web").update(
        service=web, data={"task_definition": definition}
    )
    fast.control.start_fault("error-rate", minutes=30, platform="bookstore")
    later = datetime.fromisoformat(now) + timedelta(minutes=5)
    while datetime.fromisoformat(fast.control.state()["now"]) < later:
        time.sleep(0.5)
    at = datetime.fromisoformat(fast.control.state()["now"])
    params = {"service": "web", "minutes": 30}
    result = run_check(platform=shop, name="logs.errors", params=params, at=at, by=WORKER)
    assert result.verdict == "warn"
    assert "ERROR 500" in result.got["lines"][0][1]
    asked = {"service": "web", "query": "fields @message | filter @message like /NullPointer/ | limit 3", "minutes": 30}
    question = Question(platform=shop, kind=StepKind.QUERY, params={"logs": asked}, at=at, by=WORKER)
    answer = query_ask(question)
    assert len(answer.rows) == 3
    assert answer.summary == "3 lines of /ecs/bookstore-api"
    AwsAccount.objects.update(role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ACT_ROLE_NAME}")
    denied = run_check(platform=shop, name="logs.errors", params=params, at=at, by=WORKER)
    assert denied.verdict == "unknown"
    assert "The role lacks ecs:DescribeTaskDefinition" in denied.summary
    Resource.objects.all().delete()
    assert "was read" in query_ask(question).summary


def test_what_was_sent_and_cannot_be_read_back_is_unknown(
    shop: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = approve(
        ask(shop, actor_for(operator), at, "scale-service", target="/".join(SERVICE), tasks=9), actor_for(commander), at
    )
    monkeypatch.setattr(base.AwsCall, "_wait", _silent)
    unknown = carry_out(plan, at)
    assert unknown.state == PlanState.UNKNOWN
    assert "AWS took ecs:UpdateService, but what is there now cannot be read" in unknown.error
