"""The embedded PostgreSQL and Valkey, for real."""

import os
import random
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest

from opsportal.local import postgres, shopdb, valkey
from opsportal.local.environment import Home
from opsportal.local.errors import StackError
from opsportal.local.schema import refuse_schema_ahead, schema_stamp, static_stamp
from opsportal.local.supervisor import Supervisor

pytestmark = pytest.mark.usefixtures("signals")


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("stores") / "home")
    home.create()
    return home


@pytest.fixture
def cluster(shared_home: Home) -> Iterator[postgres.Cluster]:
    """A running cluster; the files are made once for the module."""
    cluster = postgres.cluster_of(shared_home)
    supervisor = Supervisor(shared_home, env=os.environ)
    try:
        # A stranger's pid, as a crash and a reboot leave it: refused by plain PostgreSQL.
        (cluster.data / "postmaster.pid").write_text(f"{os.getppid()}\n{cluster.data}\n")
        (cluster.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n{cluster.data}\n")
        supervisor.start(postgres.service(cluster, for_tests=True), valkey.service(shared_home, cluster.sockets))
        supervisor.wait_ready()
        cluster.run_sql(postgres.ROLES + postgres.SHOP_ROLES)
        yield cluster
    finally:
        supervisor.stop()


def test_stores_serve_by_socket_with_two_roles_despite_stale_pid_files(cluster: postgres.Cluster) -> None:
    cluster.run_sql(postgres.ROLES + postgres.SHOP_ROLES + postgres.TEST_ROLES)
    with psycopg.connect(cluster.url("ops_app", "opsportal")) as connection:
        row = connection.execute("SELECT current_user, current_setting('listen_addresses')").fetchone()
    assert row == ("ops_app", "")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(cluster.url("shop_maintainer", "opsportal"))
    assert not valkey.has_worker(cluster.sockets)


def test_the_fault_of_the_alarm_is_in_the_shops_own_database(cluster: postgres.Cluster) -> None:
    def seen() -> tuple[int, int]:
        """Sessions in all, and those that the runbook's step lists."""
        row = reader.execute(
            "SELECT count(*) FILTER (WHERE backend_type = 'client backend'),"
            " count(*) FILTER (WHERE application_name = 'shop-report' AND state = 'idle in transaction')"
            " FROM pg_stat_activity"
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    cluster.run_sql(postgres.ROLES + postgres.SHOP_ROLES)
    report = shopdb.Report(cluster.url("shop_owner", "shop"))
    with psycopg.connect(cluster.url("shop_maintainer", "shop"), autocommit=True) as reader:
        assert report.follow(is_faulty=False) == 0
        held = report.follow(is_faulty=True)
        assert seen() == (shopdb.SESSIONS_REACHED, held)
        allowed = int(str(reader.execute("SHOW max_connections").fetchone()[0]))  # type: ignore[index]
        assert 0.8 * allowed < shopdb.SESSIONS_REACHED
        # What a plan ended stays ended while the fault goes on.
        reader.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM"
            " (SELECT pid FROM pg_stat_activity WHERE application_name = 'shop-report' LIMIT 30) AS ended"
        )
        assert report.follow(is_faulty=True) == held - 30 == seen()[1]
        assert report.follow(is_faulty=False) == 0


def test_the_shop_bloats_and_its_maintainer_may_maintain_but_not_read(cluster: postgres.Cluster) -> None:
    with psycopg.connect(cluster.url("shop_owner", "shop"), autocommit=True) as connection:
        shopdb.prepare(connection)
        shopdb.prepare(connection)
        for beat in range(3):
            shopdb.work(connection, random.Random(beat))
        counted = connection.execute("SELECT count(*) FROM carts").fetchone()
    assert counted == (shopdb.CARTS,)
    with psycopg.connect(cluster.url("shop_maintainer", "shop"), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("ANALYZE carts")
        connection.execute("VACUUM carts")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM carts")
    with psycopg.connect(cluster.url("shop_reader", "shop"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM orders WHERE state = 'placed'").fetchone() == (3,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM orders")


def test_a_schema_ahead_of_the_code_is_refused(cluster: postgres.Cluster, shared_home: Home) -> None:
    refuse_schema_ahead(cluster, shared_home)
    with psycopg.connect(cluster.url("ops_owner", "opsportal")) as connection:
        connection.execute("CREATE TABLE django_migrations (id int, app text, name text)")
        connection.execute(
            "INSERT INTO django_migrations VALUES (1, 'auth', '0099_theirs'), (2, 'audit', '0099_ahead')"
        )
    with pytest.raises(StackError, match=r"holds a newer schema \(audit 0099_ahead\)"):
        refuse_schema_ahead(cluster, shared_home)
    with psycopg.connect(cluster.url("ops_owner", "opsportal")) as connection:
        connection.execute("DROP TABLE django_migrations")


def test_another_major_is_refused(home: Home) -> None:
    (home.path / "postgres").mkdir()
    (home.path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StackError, match=r"was made by PostgreSQL 17 and this checkout brings 18"):
        postgres.cluster_of(home)


def test_static_files_are_collected_once_per_state(home: Home) -> None:
    assert not static_stamp(home).is_current()
    static_stamp(home).keep()
    assert static_stamp(home).is_current()


def test_a_migration_undone_by_hand_is_noticed(cluster: postgres.Cluster, shared_home: Home) -> None:
    with psycopg.connect(cluster.url("ops_owner", "opsportal"), autocommit=True) as connection:
        connection.execute("CREATE TABLE django_migrations (id int, app text, name text)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'audit', '0001_initial')")
        schema_stamp(shared_home, cluster).keep()
        assert schema_stamp(shared_home, cluster).is_current()
        connection.execute("DELETE FROM django_migrations")
        assert not schema_stamp(shared_home, cluster).is_current()
        connection.execute("DROP TABLE django_migrations")


def test_a_server_starts_at_the_first_try_while_children_of_a_killed_one_are_left(shared_home: Home) -> None:
    cluster = postgres.cluster_of(shared_home)
    service = postgres.service(cluster, for_tests=True)
    first, second = Supervisor(shared_home, env=os.environ), Supervisor(shared_home, env=os.environ)
    try:
        first.start(service)
        first.wait_ready()
        server = first.children["postgres"].process
        assert server is not None
        with psycopg.connect(cluster.url("postgres", "postgres")) as connection:
            child = connection.info.backend_pid
            os.kill(child, signal.SIGSTOP)
            server.kill()
            server.wait()
            threading.Timer(1.5, os.kill, (child, signal.SIGCONT)).start()
            second.start(service)
            second.wait_ready()
        assert second.children["postgres"].restarts == 0
    finally:
        second.stop()
        first.stop()
