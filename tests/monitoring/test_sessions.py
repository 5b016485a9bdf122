"""Statements and sessions of a real PostgreSQL: the one that was listed is hit, and no other."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from monitoring.actions import sessions
from monitoring.actions.requests import ACTIONS, action_request
from monitoring.models import TargetDatabase
from monitoring.statements import bare
from opsportal.accounts.models import User
from opsportal.core.actor import Actor, system_actor
from opsportal.plans.execution import plan_run
from opsportal.plans.models import Approval, Plan, PlanState
from opsportal.plans.services import plan_decide
from opsportal.platforms.models import Platform
from opsportal.targets import database as database_target
from opsportal.targets.database import (
    AnswerLostError,
    DatabaseTarget,
    DatabaseTargetError,
    MaintainRefusedError,
    signal_session,
)

ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database(platform: Platform, settings: Settings) -> TargetDatabase:
    """The test's own database, which stands for a platform's."""
    here = connection.settings_dict
    settings.TARGET_SOCKETS = {"database": [here["HOST"]]}
    return TargetDatabase.objects.create(
        platform=platform,
        key="shop",
        name="Shop",
        socket_dir=here["HOST"],
        database=here["NAME"],
        reader_role="ops_owner",
        maintainer_role="ops_owner",
    )


@pytest.fixture
def busy(database: TargetDatabase) -> Iterator[list[str]]:
    """A client of the shop that waits for ten minutes; the list gets how its statement ended."""
    ended: list[str] = []
    client = psycopg.connect(host=database.socket_dir, dbname=database.database, user="ops_owner", autocommit=True)

    def wait() -> None:
        try:
            client.execute("SELECT pg_sleep(600), 'anna@example.com' AS who")
        except psycopg.Error as error:
            ended.append(type(error).__name__)

    thread = threading.Thread(target=wait)
    thread.start()
    yield ended
    thread.join(5)
    client.close()


def listed(platform: Platform, key: str) -> str:
    """The choice that names the waiting client, as soon as PostgreSQL shows what it does."""
    for _ in range(500):
        form = ACTIONS[key].form({"target": "shop"}, platform=platform)
        found = [value for value, label in form.fields["sessions"].choices if "pg_sleep" in label]  # type: ignore[attr-defined]
        if found and not form.trouble:
            return str(found[0])
        time.sleep(0.01)
    raise AssertionError(form.trouble or "The waiting client was never listed.")


def planned(platform: Platform, by: Actor, at: datetime, key: str, chosen: str) -> Plan:
    action = ACTIONS[key]
    form = action.form({"target": "shop", "sessions": [chosen]}, platform=platform)
    assert form.is_valid(), form.errors
    return action_request(by=by, at=at, platform=platform, action=action, form=form)


@pytest.mark.parametrize(
    "key, says", [("cancel-statements", "QueryCanceled"), ("end-sessions", "AdminShutdown")], ids=["cancel", "end"]
)
def test_the_listed_one_is_hit_once(
    platform: Platform,
    at: datetime,
    operator: User,
    commander: User,
    actor_for: ActorFor,
    busy: list[str],
    *,
    key: str,
    says: str,
) -> None:
    plan = planned(platform, actor_for(operator), at, key, listed(platform, key))
    call = plan.calls.get()
    assert "anna" not in str(call.params) + call.effect + plan.effect
    plan_decide(
        by=actor_for(commander),
        at=at,
        plan=plan,
        verdict=Approval.Verdict.APPROVED,
        seen_hash=plan.content_hash,
        expected=plan.version,
    )
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == PlanState.DONE
    assert busy == [says] or not busy  # the client hears of it a moment later
    assert plan.calls.get().result["signal sent"] is True


def test_a_number_that_another_session_has_is_not_hit(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, busy: list[str]
) -> None:
    chosen = listed(platform, "end-sessions")
    plan = planned(platform, actor_for(operator), at, "end-sessions", chosen)
    call = plan.calls.get()
    call.update_versioned(expected=call.version, params=call.params | {"began": "2020-01-01 00:00:00+00"})
    plan_decide(
        by=actor_for(commander),
        at=at,
        plan=plan,
        verdict=Approval.Verdict.APPROVED,
        seen_hash=plan.content_hash,
        expected=plan.version,
    )
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == PlanState.DONE
    assert "nothing was sent" in plan.calls.get().result["note"]
    assert busy == []
    with connection.cursor() as cursor:  # the test's own end
        cursor.execute("SELECT 1")
    _end(plan.calls.get().params["pid"])


def _end(pid: int) -> None:
    here = connection.settings_dict
    with psycopg.connect(host=here["HOST"], dbname=here["NAME"], user="ops_owner", autocommit=True) as own:
        own.execute("SELECT pg_terminate_backend(%s)", [pid])


def test_no_session_is_ended_outside_a_plan(database: TargetDatabase) -> None:
    with pytest.raises(MaintainRefusedError):
        signal_session(database.maintainer, "terminate", 1, began="2026-01-01")


def test_a_plan_keeps_no_value_of_a_statement() -> None:
    said = bare("SELECT *  FROM users WHERE email = 'o''hara@example.com' AND id = 4711 AND name = 'cut o")
    assert said == "SELECT * FROM users WHERE email = ? AND id = ? AND name = ?"


def test_a_busy_session_stays_the_one_that_was_ticked_and_another_statement_does_not(
    platform: Platform, database: TargetDatabase
) -> None:
    with psycopg.connect(
        host=database.socket_dir, dbname=database.database, user="ops_owner", autocommit=True
    ) as client:
        client.execute("SELECT 1 AS busy")
        chosen = {
            key: next(
                value
                for value, label in ACTIONS[key].form({"target": "shop"}, platform=platform).fields["sessions"].choices  # type: ignore[attr-defined]
                if "AS busy" in label
            )
            for key in ("end-sessions", "cancel-statements")
        }
        client.execute("SELECT 2 AS busier")
        ending, cancelling = (
            ACTIONS[key].form({"target": "shop", "sessions": [value]}, platform=platform)
            for key, value in chosen.items()
        )
        assert ending.is_valid(), ending.errors
        assert "ended meanwhile" in cancelling.errors["sessions"][0]


@pytest.mark.parametrize(
    "statement, said",
    [
        (r"SELECT E'it\'s Ada', 'b'", "SELECT ?, ?"),
        ("SELECT $$Ada$$, $x$Ada $$ Ada$x$, $1", "SELECT ?, ?, ?"),
        ("/* Ada */ SELECT 1 -- Ada's\nFROM t", "SELECT ? FROM t"),
        ("SELECT /* a /* Ada */ Ada */ 1", "SELECT ?"),
        (r"SELECT 'C:\' , 'Ada'", "SELECT ?"),
        ("SELECT \"o'clock\", 'Ada', '-- ', 'Ada'", 'SELECT "o\'clock", ?, ?, ?'),
        ("SELECT * FROM t2 WHERE a$1 = $$Ada", "SELECT * FROM t2 WHERE a$1 = ?"),
    ],
)
def test_no_way_to_write_a_value_gets_through(statement: str, said: str) -> None:
    assert bare(statement) == said


@pytest.mark.parametrize("key", ["cancel-statements", "end-sessions"])
def test_what_is_still_there_after_the_signal_is_not_done(
    platform: Platform,
    at: datetime,
    operator: User,
    commander: User,
    actor_for: ActorFor,
    busy: list[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    key: str,
) -> None:
    plan = planned(platform, actor_for(operator), at, key, listed(platform, key))
    plan_decide(
        by=actor_for(commander),
        at=at,
        plan=plan,
        verdict=Approval.Verdict.APPROVED,
        seen_hash=plan.content_hash,
        expected=plan.version,
    )
    monkeypatch.setattr(sessions, "signal_session", lambda *_args, **_more: False)
    monkeypatch.setattr(sessions, "GONE_SECONDS", 0.1)
    assert plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan) == PlanState.UNKNOWN
    assert "is still there" in Plan.objects.get(pk=plan.pk).error
    assert busy == []
    _end(plan.calls.get().params["pid"])


def test_a_reader_that_may_not_look_is_said_to_be_blind(
    platform: Platform, database: TargetDatabase, busy: list[str]
) -> None:
    assert listed(platform, "end-sessions")
    database.reader_role = "ops_app"
    database.save()
    form = ACTIONS["end-sessions"].form({"target": "shop"}, platform=platform)
    assert "pg_monitor" in form.trouble
    database.reader_role = "ops_owner"
    database.save()
    _end(int(listed(platform, "end-sessions").split()[0]))


def test_no_database_is_asked_before_somebody_chose_it(
    platform: Platform, database: TargetDatabase, operator: User, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def none_open(row: TargetDatabase) -> list[dict[str, object]]:
        asked.append(row.key)
        return []

    monkeypatch.setattr(sessions, "sessions_of", none_open)
    client, url = client_for(operator), "/act/?platform=shop&action=end-sessions"
    page = client.get(url).content.decode()
    assert "Show its sessions" in page
    assert "Make the plan" not in page
    assert client.get(f"{url}&target=elsewhere").status_code == 200
    assert asked == []
    page = client.get(f"{url}&target=shop").content.decode()
    assert "No session of a client is open" in page
    assert "Make the plan" in page
    assert asked == ["shop"]


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "still there"])
def test_an_answer_lost_while_it_was_signalled_is_never_said_to_have_failed(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, busy: list[str],
    monkeypatch: pytest.MonkeyPatch, *, is_gone: bool,
) -> None:  # fmt: skip
    """The platform's database restarts under the signal: PostgreSQL ends the portal's own session first."""
    plan = planned(platform, actor_for(operator), at, "end-sessions", listed(platform, "end-sessions"))
    plan_decide(
        by=actor_for(commander), at=at, plan=plan, verdict=Approval.Verdict.APPROVED, seen_hash=plan.content_hash,
        expected=plan.version,
    )  # fmt: skip
    waiting = plan.calls.get().params["pid"]

    def cut(target: DatabaseTarget, *_args: object, **_more: object) -> bool:
        if is_gone:
            _end(waiting)
        monkeypatch.setitem(database_target._SIGNALS, "terminate", "SELECT pg_terminate_backend(pg_backend_pid())")
        return signal_session(target, "terminate", waiting, began="2020-01-01")

    monkeypatch.setattr(sessions, "signal_session", cut)
    monkeypatch.setattr(sessions, "GONE_SECONDS", 0.5)
    ends = plan_run(by=system_actor("tests"), clock=lambda: at, plan=plan)
    assert ends == (PlanState.DONE if is_gone else PlanState.UNKNOWN)
    if is_gone:
        assert plan.calls.get().result["signal sent"] is None
    else:
        assert "may have been signalled: the connection was lost" in Plan.objects.get(pk=plan.pk).error
        _end(waiting)


def test_a_signal_that_postgresql_refused_was_not_sent(
    database: TargetDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database_target._SIGNALS, "terminate", "SELECT no_such_function()")
    with database_target.plan_execution(), pytest.raises(DatabaseTargetError) as refused:
        signal_session(database.maintainer, "terminate", 1, began="2026-01-01")
    assert not isinstance(refused.value, AnswerLostError)
