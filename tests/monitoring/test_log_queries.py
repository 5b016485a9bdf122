"""Saved questions to the logs: asked once, paid once, kept masked; a worker that dies loses nothing silently."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from monitoring.insights import running
from monitoring.insights.running import kept_rows, run_carry_out
from monitoring.models import AwsAccount, LogQuery, LogRun, Resource, ResourceKind
from monitoring.selectors.log_queries import estimate
from monitoring.services.log_queries import (
    MOST_OPEN,
    LogQueryError,
    log_query_ask,
    log_query_change,
    log_run_stop,
    log_runs_give_up,
)
from monitoring.tasks import run_log_query
from opsportal.audit.models import AuditEntry
from opsportal.aws import ecs, logs
from opsportal.aws.errors import AwsDeniedError, AwsThrottledError
from opsportal.aws.logs import LogAnswer as Answer
from opsportal.core.actor import system_actor
from opsportal.core.models import VersionConflictError
from opsportal.local.aws.catalogue import ACCOUNT, EXTERNAL_IDS, REGION, ROLE_NAME
from opsportal.platforms.models import Platform
from opsportal.schedule import tasks
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.services import LeaseLostError
from tests.factories.logs import TEXT, log_group_of, query_of, run_of
from tests.factories.monitoring import write
from tests.local.aws.simulator import Simulator

pytestmark = pytest.mark.django_db
BY = system_actor("tests")
LINE = {"@timestamp": "2026-03-10 08:59:00.000", "@message": "ERROR from 10.0.0.7, password=hunter2"}


def last_verb(query: LogQuery) -> str:
    return AuditEntry.objects.filter(chain=query.platform_id).order_by("-seq")[0].verb


class Insights:
    """CloudWatch as the worker sees it: what was put, what is answered next, what was stopped."""

    def __init__(self) -> None:
        self.put: list[list[str]] = []
        self.stopped: list[str] = []
        self.answers: list[Answer | BaseException] = []
        self.looks = 0

    def begin(self, *_args: Any, groups: list[str], **_more: Any) -> str:
        self.put.append(list(groups))
        return f"q{len(self.put)}"

    def look(self, _session: Any, _region: str, _query: str) -> Answer:
        self.looks += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, BaseException):
            raise found
        return found

    def stop(self, _session: Any, _region: str, query: str) -> bool:
        self.stopped.append(query)
        return True


@pytest.fixture
def insights(monkeypatch: pytest.MonkeyPatch) -> Insights:
    made = Insights()
    for name in ("begin", "look", "stop"):
        monkeypatch.setattr(logs, name, getattr(made, name))
    monkeypatch.setattr(ecs, "log_groups", lambda _session, _region, name: [f"/{name}"])
    monkeypatch.setattr(running, "PAUSE_SECONDS", 0.0)
    made.answers = [Answer((LINE,), 2_000_000_000.0, "Complete", 1.0)]
    return made


def place(platform: Platform, at: datetime, account_id: str = "1" * 12, name: str = "a") -> AwsAccount:
    account, _ = AwsAccount.objects.get_or_create(
        account_id=account_id, defaults={"name": "Shops", "regions": ["eu-west-1"], "created_at": at}
    )
    Resource.objects.create(
        platform=platform, account=account, region="eu-west-1", kind=ResourceKind.ECS_SERVICE, identifier=name,
        service=platform.services.get(key="web"), data={"task_definition": name}, fetched_at=at,
    )  # fmt: skip
    return account


@pytest.fixture
def query(platform: Platform, at: datetime) -> LogQuery:
    place(platform, at)
    return query_of(platform, at=at)


def carry(run: LogRun, at: datetime, fence: int = 1) -> LogRun:
    run_carry_out(run_id=run.pk, fence=fence, by=BY, clock=lambda: at)
    run.refresh_from_db()
    return run


def ask(query: LogQuery, at: datetime, **more: Any) -> LogRun:
    return log_query_ask(by=BY, at=at, query=query, **{"minutes": 60, **more})


def test_what_is_found_is_kept_masked_dated_and_hashed_with_its_cost(
    query: LogQuery, at: datetime, insights: Insights
) -> None:
    run = carry(ask(query, at), at)
    assert (run.state, run.kind, run.said) == ("done", "ok", "")
    assert (run.bytes_scanned, run.records_matched, run.cost_usd) == (2_000_000_000, 1, Decimal("0.01"))
    assert run.groups == ["/a"]
    answer = run.answer
    assert answer.columns == ["@timestamp", "@message"]
    assert answer.rows == [["2026-03-10 08:59:00.000", "ERROR from [address], password=***"]]
    assert (len(answer.digest), answer.fetched_at) == (64, at)
    assert last_verb(query) == "monitoring.log_query.done"
    assert insights.put == [["/a"]]


def test_asking_is_one_run_of_the_ledger_and_says_what_it_is_about(query: LogQuery, at: datetime) -> None:
    until = at - timedelta(hours=2)
    run = ask(query, at, minutes=30, until=until)
    assert (run.starts_at, run.ends_at, run.text) == (until - timedelta(minutes=30), until, TEXT)
    ledger = Run.objects.get(key=f"log-run:{run.pk}")
    assert (ledger.task, ledger.queue, ledger.args) == ("monitoring.run_log_query", "checks", {"log_run": run.pk})
    assert last_verb(query) == "monitoring.log_query.asked"
    assert ask(query, at, until=at + timedelta(days=1)).ends_at == at  # nothing is logged in the future


def test_a_worker_that_follows_a_killed_one_goes_on_without_asking_twice(
    query: LogQuery, at: datetime, insights: Insights
) -> None:
    run = ask(query, at)
    insights.answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        carry(run, at)
    run.refresh_from_db()
    assert [part["query"] for part in run.parts] == ["q1"]
    insights.answers = [Answer((LINE,), 5.0, "Complete", 1.0)]
    assert carry(run, at, fence=2).state == "done"
    assert len(insights.put) == 1


def test_a_question_that_may_have_been_put_is_lost_and_not_put_again(
    query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(query, at)

    def killed(*_args: Any, **_more: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(logs, "begin", killed)
    with pytest.raises(KeyboardInterrupt):
        carry(run, at)
    run = carry(run, at, fence=2)
    assert run.state == "lost"
    assert "nothing was asked again" in run.said
    assert insights.put == []
    assert not hasattr(run, "answer")


def test_a_holder_that_lost_its_lease_writes_nothing_any_more(
    query: LogQuery, at: datetime, insights: Insights
) -> None:
    run = ask(query, at)
    LogRun.objects.filter(pk=run.pk).update(fence=7, state="running")
    with pytest.raises(LeaseLostError):
        carry(run, at, fence=3)
    run.refresh_from_db()
    assert (run.fence, run.state, run.parts) == (7, "running", [])
    assert insights.put == []


def test_what_takes_too_long_is_stopped_at_aws_and_what_was_found_until_then_is_kept(
    query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WAIT_SECONDS", -1.0)
    running_one = Answer((LINE,), 1_000.0, "Running", 1.0)
    insights.answers = [running_one, Answer((LINE, LINE), 2_000.0, "Cancelled", 2.0)]
    run = carry(ask(query, at), at)
    assert (run.state, run.bytes_scanned, len(run.answer.rows)) == ("stopped", 2_000, 2)
    assert "ask about less time" in run.said
    assert insights.stopped == ["q1"]


def test_a_person_stops_a_run_before_and_while_it_runs(query: LogQuery, at: datetime, insights: Insights) -> None:
    waiting = ask(query, at)
    assert log_run_stop(by=BY, at=at, run=waiting).state == "stopped"
    assert log_run_stop(by=BY, at=at, run=waiting).state == "stopped"
    assert carry(waiting, at).state == "stopped"
    assert insights.put == []
    run = ask(query, at)

    def look(_session: Any, _region: str, _query: str) -> Answer:
        LogRun.objects.filter(pk=run.pk).update(stop_asked_at=at)
        return Answer((), 10.0, "Running", 0.0)

    insights.look = look  # type: ignore[method-assign]
    logs.look = look  # type: ignore[assignment]
    run_ended = carry(run, at)
    assert (run_ended.state, insights.stopped) == ("stopped", ["q1"])
    assert "by hand" in run_ended.said
    assert running.UNCONFIRMED not in run_ended.said


def test_a_stop_that_aws_did_not_confirm_says_so(
    query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WAIT_SECONDS", -1.0)

    def denied(*_args: Any) -> bool:
        raise AwsDeniedError(what="logs", permission="logs:StopQuery", code="AccessDenied", detail="no")

    monkeypatch.setattr(logs, "stop", denied)
    insights.answers = [Answer((), 10.0, "Running", 0.0)]
    assert running.UNCONFIRMED in carry(ask(query, at), at).said
    insights.answers = [Answer((), 10.0, "Running", 0.0), Answer((), 10.0, "Cancelled", 0.0)]
    assert running.UNCONFIRMED not in carry(ask(query, at), at).said  # AWS itself says that it is over


def test_while_aws_works_the_run_gives_its_place_to_others_and_spends_no_attempt(
    platform: Platform, query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(platform, at, "2" * 12, "b")
    monkeypatch.setattr(running, "STAY_SECONDS", -1.0)
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)  # the test's own is in its transaction
    done, busy = Answer((LINE,), 5.0, "Complete", 1.0), Answer((), 1.0, "Running", 0.0)
    insights.answers = [done, busy, done]
    run, ledger = ask(query, at), Run.objects.get()
    for state, attempts in (("running", 0), ("done", 1)):
        run_log_query(ledger.pk)
        run.refresh_from_db()
        ledger.refresh_from_db()
        assert (run.state, ledger.attempts) == (state, attempts)
        Run.objects.update(not_before=None)
    assert (ledger.state, len(insights.put), len(run.answer.rows)) == (RunState.DONE, 2, 2)


def test_what_was_answered_and_cannot_be_read_any_more_is_said_to_be_lost(
    platform: Platform, query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(platform, at, "2" * 12, "b")
    monkeypatch.setattr(running, "STAY_SECONDS", -1.0)
    done, going_on = Answer((LINE,), 5.0, "Complete", 1.0), Answer((), 1.0, "Running", 0.0)
    busy = AwsThrottledError(what="logs", permission="logs:GetQueryResults", code="Throttling", detail="slow down")
    denied = AwsDeniedError(what="logs", permission="logs:GetQueryResults", code="AccessDenied", detail="no")
    insights.answers = [done, going_on, done, busy, denied]
    run = ask(query, at)
    assert [carry(run, at, fence).state for fence in (1, 2, 3)] == ["running", "running", "lost"]
    assert (run.kind, running.NOT_READ in run.said, hasattr(run, "answer")) == ("unknown", True, False)


def test_a_stopped_run_whose_find_cannot_be_read_says_that_it_was_stopped(
    query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "WAIT_SECONDS", -1.0)
    busy = AwsThrottledError(what="logs", permission="logs:GetQueryResults", code="Throttling", detail="slow down")
    run = ask(query, at)
    insights.answers = [busy, busy, busy, Answer((LINE,), 5.0, "Cancelled", 1.0)]
    assert [carry(run, at, fence).state for fence in (1, 2)] == ["running", "stopped"]
    assert len(run.answer.rows) == 1
    monkeypatch.setattr(running, "READ_SECONDS", -1.0)
    insights.answers = [busy, busy, busy]
    unread = carry(ask(query, at), at)
    assert (unread.state, running.NOT_READ in unread.said) == ("stopped", False)
    assert running.NOTHING_READ in unread.said


def test_a_throttled_look_is_no_failure(query: LogQuery, at: datetime, insights: Insights) -> None:
    busy = AwsThrottledError(what="logs", permission="logs:GetQueryResults", code="Throttling", detail="slow down")
    insights.answers = [busy, busy, Answer((LINE,), 5.0, "Complete", 1.0)]
    assert carry(ask(query, at), at).state == "done"
    assert insights.looks == 3


def test_what_answered_is_kept_and_what_did_not_is_said(
    platform: Platform, query: LogQuery, at: datetime, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(platform, at, "2" * 12, "b")
    begin = insights.begin

    def some(*args: Any, groups: list[str], **more: Any) -> str:
        if groups == ["/b"]:
            raise AwsDeniedError(what="logs", permission="logs:StartQuery", code="AccessDenied", detail="no")
        return begin(*args, groups=groups, **more)

    monkeypatch.setattr(logs, "begin", some)
    run = carry(ask(query, at), at)
    assert (run.state, run.kind) == ("done", "warn")  # an answer, but no whole one
    assert "222222222222 eu-west-1: The role lacks logs:StartQuery" in run.said
    assert run.answer.columns[0] == "account and region"
    assert run.answer.rows[0][0] == "111111111111 eu-west-1"


@pytest.mark.parametrize("account_id", ["1" * 12, "2" * 12])
def test_a_place_too_many_is_named_and_the_answer_no_whole_one(
    platform: Platform, query: LogQuery, at: datetime, insights: Insights, account_id: str
) -> None:
    for number in range(5):
        place(platform, at, account_id if number == 4 else "1" * 12, f"b{number}")
    run = carry(ask(query, at), at)
    assert insights.put == [["/a", "/b0", "/b1", "/b2", "/b3"]]
    assert (run.state, run.kind) == ("done", "warn")
    assert run.said == f"{account_id} eu-west-1: b4 in eu-west-1 was not asked: 5 places at most are."
    assert "not known" in estimate(query, at - timedelta(hours=1), at).basis


def test_without_a_place_to_ask_the_run_fails_and_says_why(
    platform: Platform, at: datetime, insights: Insights
) -> None:
    run = carry(ask(query_of(platform, at=at), at), at)
    assert run.state == "failed"
    assert "selectors name no log_groups" in run.said
    assert insights.put == []


def test_selectors_name_the_groups_where_no_task_does(
    platform: Platform, query: LogQuery, at: datetime, insights: Insights
) -> None:
    account = AwsAccount.objects.get()
    platform.metric_sources.create(account=account, region="eu-central-1")
    query.service.selectors = {"log_groups": ["/web/b", "/web/a"]}
    query.service.save()
    run = carry(ask(query, at), at)
    assert insights.put == [["/web/a", "/web/b"]]
    assert run.parts[0]["region"] == "eu-central-1"


def test_a_run_without_a_worker_says_that_it_is_lost(query: LogQuery, at: datetime) -> None:
    run, later = ask(query, at), at + timedelta(minutes=2)
    assert log_runs_give_up(at=later) == 0  # it waits: somebody may still take it
    ledger = Run.objects.filter(key=f"log-run:{run.pk}")
    ledger.update(state=RunState.FAILED, error="The process w:1 vanished while it held this run.")
    assert log_runs_give_up(at=at) == 0
    assert log_runs_give_up(at=later) == 1
    assert log_runs_give_up(at=later) == 0
    run.refresh_from_db()
    assert (run.state, run.kind) == ("lost", "unknown")
    assert "w:1 vanished" in run.said
    assert "AWS was not asked" in run.said


def test_a_platform_asks_only_so_many_at_once(query: LogQuery, at: datetime) -> None:
    for _ in range(MOST_OPEN):
        ask(query, at)
    with pytest.raises(LogQueryError, match="wait for one, or stop it"):
        ask(query, at)


def test_what_is_wrong_or_put_aside_is_not_asked(query: LogQuery, at: datetime) -> None:
    with pytest.raises(LogQueryError, match="Line 2"):
        log_query_change(by=BY, at=at, query=query, expected=1, values={"text": "fields a\n| select b"})
    with pytest.raises(LogQueryError, match="between 1 and"):
        ask(query, at, minutes=20_000)
    log_query_change(by=BY, at=at, query=query, expected=1, values={"enabled": False})
    with pytest.raises(LogQueryError, match="put aside"):
        ask(query, at)
    with pytest.raises(VersionConflictError):
        log_query_change(by=BY, at=at, query=query, expected=1, values={"name": "x"})


def test_two_questions_of_a_service_do_not_share_a_key(platform: Platform, query: LogQuery, at: datetime) -> None:
    with pytest.raises(LogQueryError, match="has a question errors"):
        query_of(platform, at=at)
    assert LogQuery.objects.count() == 1


def test_an_answer_is_cut_by_lines_and_by_size() -> None:
    columns, rows, is_cut = kept_rows([("", [{"a": "x"}] * 1_500)])
    assert (columns, len(rows), is_cut) == (["a"], running.MOST_ROWS, True)
    _, rows, is_cut = kept_rows([("", [{"a": "é" * 5_000}] * 900)])
    assert is_cut
    assert {len(row[0]) for row in rows} == {running.MOST_CHARACTERS}
    assert sum(len(row[0]) for row in rows) <= running.MOST_KEPT
    assert kept_rows([("", [{"a": "1"}, {"b": "2"}])]) == (["a", "b"], [["1", ""], ["", "2"]], False)


def test_the_estimate_is_the_last_whole_run_at_its_span(query: LogQuery, at: datetime) -> None:
    assert estimate(query, at - timedelta(hours=2), at).scanned is None
    query.platform.metric_sources.create(account=AwsAccount.objects.get(), region="eu-west-1")
    run_of(query, at=at, lines=1, bytes_scanned=600_000_000)
    found = estimate(query, at - timedelta(hours=2), at)
    assert (found.scanned, found.usd) == (1_200_000_000, Decimal("0.006"))
    assert "last whole run" in found.basis


def test_what_the_groups_took_in_is_the_better_estimate_where_it_is_read(query: LogQuery, at: datetime) -> None:
    metric = log_group_of(query.platform, at=at, metric="IncomingBytes")
    assert metric.series is not None
    part = {"account": metric.series.account_id, "region": metric.series.region, "groups": ["/web"]}
    run = run_of(query, at=at, lines=1, bytes_scanned=600_000_000, parts=[part])
    hour = (at - timedelta(hours=1), at)
    assert "last whole run" in estimate(query, *hour).basis  # nothing of it was read yet
    write(metric.series, [1_000_000.0] * 9, end=at - timedelta(minutes=15), period=300, column="sum")
    found = estimate(query, *hour)
    assert (found.scanned, found.basis) == (12_000_000, "what its log groups took in then, by CloudWatch")
    assert "last whole run" in estimate(query, at, at + timedelta(hours=1)).basis
    # Of the two hours CloudWatch was asked about 45 min: history that is on its way is no time without lines.
    assert "last whole run" in estimate(query, at - timedelta(hours=2), at).basis
    run.parts = [part | {"groups": ["/web", "/jobs"]}]  # what the second one took in nobody reads
    run.save(update_fields=["parts"])
    assert "last whole run" in estimate(query, *hour).basis


@pytest.mark.aws
def test_the_living_shop_answers_a_saved_question(
    platform: Platform, simulated_aws: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    account = AwsAccount.objects.create(
        account_id=ACCOUNT, name="Shops", regions=[REGION], created_at=now,
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}", external_id=EXTERNAL_IDS[ACCOUNT],
    )  # fmt: skip
    platform.metric_sources.create(account=account, region=REGION)
    text = "filter @message like /response_time/\n| stats avg(response_time), count(*) as n by bin(5m)"
    query = query_of(platform, at=now, text=text)
    query.service.selectors = {"log_groups": ["/ecs/bookstore-api"]}
    query.service.save()
    run = carry(ask(query, now), now)
    assert (run.state, run.answer.columns) == ("done", ["bin(5m)", "avg(response_time)", "n"])
    assert sum(int(row[2]) for row in run.answer.rows) == run.records_matched
    assert 59 <= run.records_matched <= 61  # a line a minute
    assert run.cost_usd > 0


@pytest.mark.aws
@pytest.mark.parametrize("point, state", [("log_query_put", "lost"), ("log_query_begun", "done")])
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_is_followed_by_one_that_asks_nothing_twice(
    platform: Platform, simulated_aws: Simulator, point: str, state: str
) -> None:
    """The process ends as by kill -9, before AWS has the question or after it was written down that it has."""
    at = datetime.now(UTC)
    account = AwsAccount.objects.create(
        account_id=ACCOUNT, name="Shops", regions=[REGION], created_at=at,
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}", external_id=EXTERNAL_IDS[ACCOUNT],
    )  # fmt: skip
    platform.metric_sources.create(account=account, region=REGION)
    query = query_of(platform, at=at)
    query.service.selectors = {"log_groups": ["/ecs/bookstore-api"]}
    query.service.save()
    run = ask(query, at)
    code = (
        "import django; django.setup()\n"
        "from datetime import datetime, UTC\n"
        "from monitoring.insights.running import run_carry_out\n"
        "from opsportal.core.actor import system_actor\n"
        f"run_carry_out(run_id={run.pk}, fence=1, by=system_actor('x'), clock=lambda: datetime.now(UTC))\n"
    )
    wanted = connection.settings_dict
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "opsportal.settings", "OPSPORTAL_LOCAL": "1",
        "DATABASE_URL": f"postgres://{wanted['USER']}@{str(wanted['HOST']).replace('/', '%2F')}/{wanted['NAME']}",
        "AWS_ENDPOINT_URL": simulated_aws.url, "OPSPORTAL_FAULTS": f"monitoring.{point}=#1",
    }  # fmt: skip
    killed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()[-2000:]
    run.refresh_from_db()
    put = run.parts[0]["query"]
    assert (run.state, bool(put)) == ("running", state == "done")
    assert carry(run, at, fence=2).state == state
    assert run.parts[0]["query"] == put
    assert hasattr(run, "answer") == (state == "done")
