"""Platforms' databases by SQL that only reads (M-MET-06, M-CHK-09, M-GOV-07): asked, judged, kept, shown."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from monitoring.databases import judging, reading
from monitoring.databases.judging import Facts
from monitoring.databases.questions import QUESTIONS
from monitoring.databases.reading import database_read
from monitoring.evidence.runner import run_check
from monitoring.loops.watch import keep_partitions
from monitoring.models import DatabaseAnswer, DatabasePoll, TargetDatabase
from monitoring.selectors.databases import cards_of, compared, comparisons, rds_rows
from monitoring.services.databases import database_read_request, target_database_put
from monitoring.tasks import read_database
from opsportal.accounts.models import User
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.health.metrics import exposition
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Run, RunState, Schedule
from tests.factories.databases import answered, database_of, event_of, resource_of
from tests.factories.monitoring import account_of

ClientFor = Callable[..., Client]
BY = system_actor("tests")
FACTS = Facts(
    version="16.4", is_replica=False, started=1.0, up_for=60.0, bytes=1, allowed=100, freeze_at=200_000_000,
    monitors=True, hit=0, missed=0, counted_for=40 * 86_400.0, statements_in="public",
)  # fmt: skip
TABLES = """
CREATE SCHEMA w2;
CREATE TABLE w2.parent (id int PRIMARY KEY, kind text NOT NULL);
CREATE TABLE w2.child (id int PRIMARY KEY, parent_id int REFERENCES w2.parent, other_id int REFERENCES w2.parent);
CREATE INDEX child_other ON w2.child (other_id);
CREATE INDEX never_read ON w2.parent (kind);
INSERT INTO w2.parent SELECT n, 'k' || n FROM generate_series(1, 3000) AS n;
DELETE FROM w2.parent WHERE id % 2 = 0;
ANALYZE w2.parent;
"""


@pytest.fixture
def database(
    platform: Platform, settings: Any, owner_connection: "psycopg.Connection[Any]"
) -> Iterator[TargetDatabase]:
    """This worker's own database, named as a platform's."""
    owner = django_settings.DATABASES["owner"]
    settings.TARGET_SOCKETS = {"database": [owner["HOST"]]}
    owner_connection.execute("DROP SCHEMA IF EXISTS w2 CASCADE")
    for statement in TABLES.split(";"):
        owner_connection.execute(statement)
    yield TargetDatabase.objects.create(
        platform=platform, key="shop", name="Shop", socket_dir=owner["HOST"], database=owner["NAME"],
        reader_role=owner["USER"],
    )  # fmt: skip
    owner_connection.execute("DROP SCHEMA w2 CASCADE")


def answers(database: TargetDatabase) -> dict[str, DatabaseAnswer]:
    return {row.question: row for row in DatabaseAnswer.objects.filter(database=database)}


@pytest.mark.django_db(transaction=True)
def test_every_question_is_answered_or_says_why_not(database: TargetDatabase, at: datetime) -> None:
    poll = database_read(database=database, at=at)
    assert poll is not None
    assert (poll.error, poll.fetched_at, poll.readings, poll.failures) == ("", at, 1, 0)
    found = answers(database)
    assert set(found) == set(QUESTIONS)
    # This role is no member of pg_monitor: what needs it could not be checked, the others were.
    hidden = {key for key, row in found.items() if row.summary == reading.NO_MONITOR}
    assert hidden == {key for key, question in QUESTIONS.items() if question.monitor}
    assert {found[key].verdict for key in hidden} == {"unknown"}
    assert [row for key, row in found.items() if key not in hidden and row.verdict == "unknown"] == []
    missing = [row for row in found["foreign-keys"].rows if row["table"] == "w2.child"]
    assert [row["definition"] for row in missing] == ["FOREIGN KEY (parent_id) REFERENCES w2.parent(id)"]
    unused = [row["index"] for row in found["unused"].rows]
    assert "w2.never_read" in unused
    assert not [name for name in unused if name.endswith("_pkey")]
    assert found["invalid"].summary == "none"
    for key, row in found.items():
        wanted = {column.key for column in QUESTIONS[key].columns}
        assert all(wanted <= set(line) for line in row.rows), key


@pytest.mark.django_db(transaction=True)
def test_with_pg_monitor_the_rest_is_answered_without_values(
    database: TargetDatabase, at: datetime, monkeypatch: pytest.MonkeyPatch, owner_connection: "psycopg.Connection[Any]"
) -> None:
    """A view that looks like pg_stat_statements stands for the extension, which a test server does not load."""
    owner_connection.execute(
        """CREATE VIEW w2.pg_stat_statements AS SELECT 1::bigint AS queryid, 12::bigint AS calls, 1500.0::float8 AS
        mean_exec_time, 2000.0::float8 AS max_exec_time, 18000.0::float8 AS total_exec_time, oid AS dbid,
        'SELECT * FROM users WHERE email = ''a@example.com'' AND id = $1'::text AS query
        FROM pg_database WHERE datname = current_database()"""
    )
    owner_connection.execute("CREATE VIEW w2.pg_stat_statements_info AS SELECT now() AS stats_reset")
    asked = reading._facts
    monkeypatch.setattr(reading, "_facts", lambda *args: replace(asked(*args), monitors=True, statements_in="w2"))
    database_read(database=database, at=at)
    found = answers(database)
    assert [row for row in found.values() if row.verdict == "unknown"] == []
    assert found["slow"].verdict == "warn"
    assert found["slow"].rows[0]["statement"] == "SELECT * FROM users WHERE email = ? AND id = ?"
    assert found["connections"].rows[0]["used"] >= 1
    assert not [row for row in found["settings"].rows if "command" in row["name"]]


@pytest.mark.django_db(transaction=True)
def test_one_reading_at_a_time_and_a_lost_database_keeps_its_answers(
    database: TargetDatabase, at: datetime, monkeypatch: pytest.MonkeyPatch, owner_connection: "psycopg.Connection[Any]"
) -> None:
    key = ("monitoring-database", database.pk)
    owner_connection.execute("SELECT pg_advisory_lock(hashtext(%s), %s)", key)
    assert database_read(database=database, at=at) is None
    owner_connection.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", key)
    database_read(database=database, at=at)
    TargetDatabase.objects.filter(pk=database.pk).update(database="not_there")
    database.refresh_from_db()
    poll = database_read(database=database, at=at + timedelta(minutes=15))
    assert poll is not None
    assert "not_there" in poll.error
    assert (poll.fetched_at, poll.readings, poll.failures) == (at, 2, 1)
    assert len(answers(database)) == len(QUESTIONS)
    database = TargetDatabase.objects.select_related("poll").get(pk=database.pk)
    card = cards_of([database], at=at + timedelta(minutes=45))[0]
    assert (card.state, card.fetched_at) == ("stale", at)


@pytest.mark.django_db(transaction=True)
def test_a_shell_asks_without_a_worker(database: TargetDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("databases", "read", "shop", "shop")
    said = capsys.readouterr().out
    assert "ok       Invalid indexes: none" in said
    assert all(question.title in said for question in QUESTIONS.values())
    call_command("databases", "list")
    # Its state is that of the tests' own database, whose tables other tests have filled and emptied.
    assert " shop shop, read " in capsys.readouterr().out
    TargetDatabase.objects.filter(pk=database.pk).update(database="not_there")
    with pytest.raises(CommandError, match="not_there"):
        call_command("databases", "read", "shop", "shop")
    with pytest.raises(CommandError, match="no database x"):
        call_command("databases", "read", "shop", "x")


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_left_out_and_named(
    database: TargetDatabase, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_SECONDS", -1.0)
    poll = database_read(database=database, at=at)
    assert poll is not None
    assert "took all the time" in poll.error


@pytest.mark.parametrize(
    "used, state, verdict, summary",
    [(70, "active", "ok", "70 of 100"), (71, "active", "warn", "71 of 100"), (81, "active", "fail", "81 of 100"),
     (5, "idle in transaction", "ok", "5 of 100, 5 idle in a transaction")],
)  # fmt: skip
def test_connections(used: int, state: str, verdict: str, summary: str) -> None:
    judged = judging.connections([{"state": state, "n": used, "used": used}], FACTS)
    assert (judged.verdict, judged.summary) == (verdict, summary)


@pytest.mark.parametrize(
    "rows, verdict",
    [([], ""), ([{"lag": 0.2, "behind": 10}], "ok"), ([{"lag": 1.5, "behind": 10}], "warn"),
     ([{"lag": 31.0, "behind": 10}], "fail"), ([{"lag": None, "behind": 0}], "ok"),
     ([{"lag": None, "behind": None}, {"lag": 0.1, "behind": 0}], "unknown")],
)  # fmt: skip
def test_replica_lag_without_a_figure_is_unknown(rows: list[dict[str, Any]], verdict: str) -> None:
    assert judging.replicas(rows, FACTS).verdict == verdict


@pytest.mark.parametrize(
    "hit, missed, verdict",
    [(9_000, 900, ""), (99_000, 1_000, "ok"), (98_900, 1_100, "warn"), (80_000, 20_000, "fail")],
)
def test_a_cache_of_which_little_was_asked_says_nothing(hit: int, missed: int, verdict: str) -> None:
    assert judging.cache([], replace(FACTS, hit=hit, missed=missed)).verdict == verdict


@pytest.mark.parametrize(
    "dead, share, verdict", [(900, 90.0, "ok"), (5_000, 20.0, "ok"), (5_000, 21.0, "warn"), (5_000, 51.0, "fail")]
)
def test_dead_rows_count_in_tables_of_some_size(dead: int, share: float, verdict: str) -> None:
    assert judging.bloat([{"table": "a.b", "dead": dead, "share": share}], FACTS).verdict == verdict


@pytest.mark.parametrize(
    "age, share, verdict", [(200_000_000, 9.3, "ok"), (310_000_000, 14.4, "warn"), (1_100_000_000, 51.2, "fail")]
)
def test_transaction_ids(age: int, share: float, verdict: str) -> None:
    assert judging.wraparound([{"what": "database shop", "age": age, "share": share}], FACTS).verdict == verdict


@pytest.mark.parametrize("days, rows, verdict", [(0, 1, ""), (29, 1, ""), (31, 1, "warn"), (31, 0, "ok"), (3, 0, "")])
def test_an_index_is_unused_only_when_somebody_looked_long_enough(days: int, rows: int, verdict: str) -> None:
    facts = replace(FACTS, counted_for=days * 86_400.0)
    assert judging.unused([{"bytes": 8192}] * rows, facts).verdict == verdict


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "since, verdict",
    [({}, "warn"), ({"started": 1.0}, ""), ({"hit": 10**15}, "")],
    ids=["went on", "another start", "counted anew"],
)
def test_statistics_that_were_lost_condemn_no_index(
    database: TargetDatabase, at: datetime, since: dict[str, Any], verdict: str
) -> None:
    poll = database_read(database=database, at=at)
    assert poll is not None
    assert found_unused(database, at).verdict == ""  # nobody saw how long its statistics go back
    poll.facts |= {"counted_for": 40 * 86_400.0} | since
    poll.save(update_fields=["facts"])
    later = at + timedelta(minutes=5)
    assert database_read(database=database, at=later) is not None
    assert found_unused(database, later).verdict == verdict


def found_unused(database: TargetDatabase, at: datetime) -> DatabaseAnswer:
    return DatabaseAnswer.objects.get(database=database, question="unused", read_at=at)


def test_settings_that_wait_for_a_restart_are_a_warning() -> None:
    rows = [{"waits": False}, {"waits": True}]
    assert judging.settings(rows, FACTS).verdict == "warn"
    assert judging.settings(rows[:1], FACTS).verdict == ""


def test_only_what_differs_between_environments_is_compared() -> None:
    found = compared(
        "Shop", {"prod": {"work_mem": "8", "jit": "off"}, "stage": {"work_mem": "4", "jit": "off", "x": "1"}}
    )
    assert found.rows == [("work_mem", ["8", "4"]), ("x", [None, "1"])]


def test_a_database_that_is_named_is_read_at_once_and_on_schedule(platform: Platform, at: datetime) -> None:
    values = {"name": "Shop", "dsn_env": "TARGET_DSN_SHOP"}
    for _ in range(2):
        database = target_database_put(by=BY, at=at, platform=platform, key="shop", values=values)
    key = f"monitoring.database:{database.pk}"
    assert Schedule.objects.get(key=key).every_seconds == 900
    assert Run.objects.filter(key=key).count() == 1
    assert database_read_request(by=BY, at=at + timedelta(seconds=5), database=database) is False
    Run.objects.filter(key=key).update(state=RunState.DONE)
    assert database_read_request(by=BY, at=at + timedelta(seconds=5), database=database) is True
    assert Run.objects.filter(key=key, state=RunState.DUE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_variable_that_is_not_set_says_so(platform: Platform, at: datetime) -> None:
    database = database_of(platform)
    run = Run.objects.create(
        key="x", slot_utc=at, task="monitoring.read_database", queue="checks", args={"database_id": database.pk}
    )
    read_database(run.pk)
    run.refresh_from_db()
    assert (run.state, run.result.get("error")) == (RunState.DONE, "The variable TARGET_DSN_SHOP is not set.")
    assert DatabasePoll.objects.get(database=database).fetched_at is None


def test_answers_are_forgotten_after_35_days(platform: Platform, at: datetime) -> None:
    database = database_of(platform)
    answered(database, at=at - timedelta(days=36))
    answered(database, at=at)
    keep_partitions(at)
    assert set(DatabaseAnswer.objects.values_list("read_at", flat=True)) == {at}


@pytest.mark.parametrize(
    "verdict, question, minutes, expected, said",
    [
        ("warn", "slow", 5, "warn", "Slow statements: slow warn"),
        ("ok", "slow", 31, "unknown", "too old"),
        ("", "settings", 5, "unknown", "No limit judges it"),
        ("ok", "nothing", 5, "unknown", "no such question"),
    ],
)
def test_a_checklist_sees_the_figure_and_never_an_old_one(
    platform: Platform, at: datetime, verdict: str, question: str, minutes: int, expected: str, said: str
) -> None:
    answered(database_of(platform), at=at, verdict=verdict)
    params = {"database": "shop", "question": question}
    result = run_check(platform=platform, name="db.figure", params=params, at=at + timedelta(minutes=minutes), by=BY)
    assert result.verdict == expected
    assert said in result.summary


def test_what_could_not_be_reached_since_its_answer_is_stale_at_once(platform: Platform, at: datetime) -> None:
    database, later = database_of(platform), at + timedelta(minutes=5)
    answered(database, at=at)
    assert cards_of([database], at=later)[0].state == "ok"
    DatabasePoll.objects.update(tried_at=later, error="connection refused")
    (card,) = cards_of([TargetDatabase.objects.get()], at=later)
    assert (card.state, card.error) == ("stale", "connection refused")
    params = {"database": "shop", "question": "slow"}
    result = run_check(platform=platform, name="db.figure", params=params, at=later, by=BY)
    assert result.verdict == "unknown"
    assert "connection refused" in result.summary


def test_upkeep_is_of_the_shown_databases_and_without_its_data(platform: Platform, at: datetime) -> None:
    resource_of(platform, at=at)
    resource_of(platform, at=at, identifier="other:x", kind="rds_maintenance", parent="other")
    logs = resource_of(platform, at=at, identifier="shop-db", kind="rds_logs", data={"bytes": 7, "files": [1]})
    used = {"databases": ["other", "shop-db"], "changed": [1]}
    group = resource_of(platform, at=at, identifier="cluster:g", kind="rds_parameters", parent="other", data=used)
    (row,) = rds_rows(BY, at=at).rows
    assert dict(row.upkeep) == {"rds_logs": [logs], "rds_parameters": [group]}
    assert [vars(one)["log_bytes"] for one in row.upkeep["rds_logs"]] == [7]
    assert all("data" in one.get_deferred_fields() for found in row.upkeep.values() for one in found)


def test_prometheus_hears_of_readings(platform: Platform) -> None:
    answered(database_of(platform), at=now())
    text = exposition().decode()
    assert 'opsportal_database_readings_total{database="shop",platform="shop"} 1.0' in text
    assert 'opsportal_database_age_seconds{database="shop",platform="shop"}' in text


def test_a_namesake_in_another_account_keeps_its_own_snapshot_and_the_worst_come_first(
    platform: Platform, at: datetime
) -> None:
    other = account_of(platform, at=at, account_id="2" * 12)
    mine = resource_of(platform, at=at)
    theirs = resource_of(platform, at=at, account=other, state="fail")
    snapshot = resource_of(platform, at=at, identifier="rds:shop-db-1", kind="rds_snapshot", parent="shop-db")
    found = rds_rows(BY, at=at)
    assert [(row.resource, row.snapshot) for row in found.rows] == [(theirs, None), (mine, snapshot)]


@pytest.fixture
def shown(platform: Platform) -> TargetDatabase:
    at = now()
    database = database_of(platform)
    answered(database, at=at - timedelta(minutes=15), verdict="fail")
    answered(database, at=at, verdict="warn", rows=3)
    resource_of(platform, at=at)
    resource_of(platform, at=at, identifier="rds:shop-db-1", kind="rds_snapshot", parent="shop-db")
    resource_of(
        platform, at=at, identifier="shop-db:db-upgrade", kind="rds_maintenance", parent="shop-db", state="warn",
        summary="db-upgrade: by itself on 2026-03-20", data={"action": "db-upgrade", "description": "Minor version"},
    )  # fmt: skip
    event_of(platform, at=at)
    return database


def test_the_page_shows_each_figure_with_its_rows_behind_it(
    shown: TargetDatabase, viewer: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    text = client.get(reverse("monitoring:databases")).content.decode()
    for question in QUESTIONS.values():
        href = reverse("monitoring:database-answer", args=[shown.pk, question.key])
        assert href in text
        page = client.get(href)
        assert page.status_code == 200, question.key
        assert f"{question.key} warn" in page.content.decode()
        assert f"{question.key} fail" in page.content.decode()  # what it was before
    assert "Minor version" in text
    assert "Finished DB Instance backup" in text
    assert "Read now" not in text  # a viewer may not ask
    assert client.get(reverse("monitoring:rds-events") + "?source=shop-db").status_code == 200
    older = DatabaseAnswer.objects.get(question="slow", verdict="fail")
    page = client.get(reverse("monitoring:database-answer", args=[shown.pk, "slow"]) + f"?answer={older.pk}")
    assert older.read_at.strftime("%H:%M") in page.content.decode()
    assert client.get(reverse("monitoring:database-answer", args=[shown.pk, "nothing"])).status_code == 404


def test_of_many_databases_three_are_open_and_each_can_be(
    platform: Platform, viewer: User, client_for: ClientFor
) -> None:
    named = [database_of(platform, f"db-{number}") for number in range(5)]
    client, url = client_for(viewer), reverse("monitoring:databases")
    text = client.get(url).content.decode()
    assert [f'id="database-{one.pk}"' in text for one in named] == [True, True, True, False, False]
    text = client.get(url, {"database": named[4].pk}).content.decode()
    assert [f'id="database-{one.pk}"' in text for one in named] == [False, False, False, False, True]


def test_a_portal_without_any_says_what_would_be_here(platform: Platform, admin: User, client_for: ClientFor) -> None:
    client = client_for(admin)
    text = client.get(reverse("monitoring:databases")).content.decode()
    assert "No database is named here" in text
    assert reverse("monitoring:database-new", args=[platform.key]) in text
    assert "Nothing was read yet" in client.get(reverse("monitoring:resources")).content.decode()
    database = database_of(platform)
    text = client.get(reverse("monitoring:databases")).content.decode()
    assert "not read yet" in text
    page = client.get(reverse("monitoring:database-answer", args=[database.pk, "slow"])).content.decode()
    assert "not asked yet" in page


def test_a_stale_answer_is_never_green(platform: Platform, viewer: User, client_for: ClientFor) -> None:
    answered(database_of(platform), at=now() - timedelta(hours=2))
    text = client_for(viewer).get(reverse("monitoring:databases")).content.decode()
    panel = text[text.index('id="database-') :]
    panel = panel[: panel.index("</section>")]
    assert "stale" in panel
    assert 'class="st ok' not in panel


def test_another_platforms_people_see_nothing_of_it(
    shown: TargetDatabase, stranger: User, client_for: ClientFor
) -> None:
    text = client_for(stranger).get(reverse("monitoring:databases")).content.decode()
    assert "Database shop" not in text
    assert "Finished DB Instance backup" not in text


def test_an_operator_has_it_read_and_nobody_twice(shown: TargetDatabase, operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)
    for _ in range(2):
        assert client.post(reverse("monitoring:database-read", args=[shown.pk])).status_code == 303
    assert Run.objects.filter(key=f"monitoring.database:{shown.pk}").count() == 1


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_URL",
        "SECRET_KEY",
        "TARGET_DSN_",
        "TARGET_DSN_OTHER__A",
        "TARGET_DSN_SHOP__",
        "TARGET_DSN_SHOP__A__B",
        "TARGET_DSN_SHOP_MANAGEMENT__A",
        "target_dsn_shop__a",
        "",
    ],
)
def test_a_variable_of_the_portals_own_or_of_another_platform_is_refused(
    platform: Platform, admin: User, client_for: ClientFor, name: str
) -> None:
    url = reverse("monitoring:database-new", args=[platform.key])
    body = {"version": "0", "key": "orders", "name": "Orders", "dsn_env": name}
    assert client_for(admin).post(url, body).status_code == 422
    assert not TargetDatabase.objects.filter(key="orders").exists()


def test_an_admin_names_and_changes_a_database(platform: Platform, admin: User, client_for: ClientFor) -> None:
    client, url = client_for(admin), reverse("monitoring:database-new", args=[platform.key])
    body = {"version": "0", "key": "orders", "name": "Orders", "dsn_env": "TARGET_DSN_SHOP__ORDERS"}
    assert client.post(url, body).status_code == 303
    assert client.post(url, body | {"name": "Again"}).status_code == 422
    database = TargetDatabase.objects.get(key="orders")
    edit = reverse("monitoring:database-edit", args=[database.pk])
    change = {"version": "1", "name": "All orders", "dsn_env": "TARGET_DSN_SHOP__ORDERS"}
    assert client.post(edit, change).status_code == 303
    assert client.post(edit, change | {"name": "Lost"}).status_code == 409
    database.refresh_from_db()
    assert database.name == "All orders"


def test_environments_of_a_platform_are_compared(platform: Platform, viewer: User, actor_for: Any) -> None:
    at = now()
    for key, value in (("prod", "8MB"), ("stage", "4MB")):
        database = database_of(platform, key)
        answered(database, at=at)
        rows = [{"name": "work_mem", "live": value}, {"name": "jit", "live": "off"}]
        DatabaseAnswer.objects.filter(database=database, question="settings").update(rows=rows)
    found = comparisons(actor_for(viewer))
    assert [row for one in found for row in one.rows] == [("work_mem", ["8MB", "4MB"])]


def test_the_api_has_the_rows(shown: TargetDatabase, token: Any, client_for: ClientFor) -> None:
    client = client_for(token)
    found = client.get("/api/v1/databases/").json()["results"][0]
    assert (found["key"], found["state"], len(found["answers"])) == ("shop", "warn", len(QUESTIONS))
    rows = client.get(f"/api/v1/databases/{shown.pk}/answers/slow/").json()["results"]
    assert [len(row["rows"]) for row in rows] == [3, 1]
    assert client.get("/api/v1/rds-events/?source=shop-db").json()["results"][0]["categories"] == ["backup"]
    assert client.post(f"/api/v1/databases/{shown.pk}/read/").status_code == 202
    assert client.post(f"/api/v1/databases/{shown.pk}/read/").status_code == 409
