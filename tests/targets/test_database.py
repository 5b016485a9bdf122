"""A platform's database: one connection that cannot write, one that only maintains, and only for a plan."""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings

from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import (
    DatabaseTarget,
    DatabaseTargetError,
    MaintainRefusedError,
    maintain,
    plan_execution,
    read_rows,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target(settings: Any, owner_connection: "psycopg.Connection[Any]") -> Iterator[DatabaseTarget]:
    """This worker's database as if it were a platform's, with one table of its own."""
    owner = django_settings.DATABASES["owner"]
    settings.TARGET_SOCKETS = {"database": [owner["HOST"]]}
    owner_connection.execute("CREATE TABLE shop_order AS SELECT generate_series(1, 100) AS id")
    yield DatabaseTarget(socket_dir=owner["HOST"], database=owner["NAME"], role=owner["USER"])
    owner_connection.execute("DROP TABLE shop_order")


def test_rows_come_back_by_name(target: DatabaseTarget) -> None:
    assert read_rows(target, "SELECT count(*) AS n FROM public.shop_order WHERE id > %s", [90]) == [{"n": 10}]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM public.shop_order",
        "SET TRANSACTION READ WRITE; DELETE FROM public.shop_order",
        "COMMIT; DELETE FROM public.shop_order",
        "CREATE TABLE public.x (i int)",
        "SELECT set_config('transaction_read_only', 'off', false), pg_catalog.lo_create(0)",
    ],
)
def test_the_reading_connection_writes_nothing(target: DatabaseTarget, statement: str) -> None:
    with pytest.raises(DatabaseTargetError):
        read_rows(target, statement)
    assert read_rows(target, "SELECT count(*) AS n FROM public.shop_order") == [{"n": 100}]


def test_maintenance_needs_a_plan(target: DatabaseTarget) -> None:
    with pytest.raises(MaintainRefusedError):
        maintain(target, "ANALYZE {}.{}", ["public", "shop_order"])


def test_a_plan_maintains_one_table(target: DatabaseTarget) -> None:
    with plan_execution():
        maintain(target, "ANALYZE {}.{}", ["public", "shop_order"])
    rows = read_rows(target, "SELECT reltuples FROM pg_class WHERE relname = 'shop_order'")
    assert rows == [{"reltuples": 100.0}]


@pytest.mark.parametrize(
    "statement", ["DROP TABLE {}", "ANALYZE", "ANALYZE {}; DROP TABLE {}", "VACUUM (FULL) {}", "SELECT 1"]
)
def test_what_is_not_maintenance_is_refused_even_in_a_plan(target: DatabaseTarget, statement: str) -> None:
    with plan_execution(), pytest.raises(MaintainRefusedError):
        maintain(target, statement, ["public", "shop_order"])


def test_an_identifier_cannot_smuggle_a_statement(target: DatabaseTarget) -> None:
    with plan_execution(), pytest.raises(DatabaseTargetError, match="does not exist"):
        maintain(target, "ANALYZE {}.{}", ["public", 'shop_order"; DROP TABLE public.shop_order; --'])
    assert read_rows(target, "SELECT count(*) AS n FROM public.shop_order") == [{"n": 100}]


def test_a_socket_that_is_not_opened_is_refused(target: DatabaseTarget, settings: Any) -> None:
    settings.TARGET_SOCKETS = {"database": []}
    with pytest.raises(BlockedAddressError):
        read_rows(target, "SELECT 1 AS one")


def test_a_dsn_is_read_from_its_variable_and_its_address_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for dsn in ("host=127.0.0.1 dbname=x", "postgres://169.254.169.254/x", "host=/tmp dbname=x"):
        monkeypatch.setenv("SHOP_DSN", dsn)
        with pytest.raises(BlockedAddressError):
            read_rows(DatabaseTarget(dsn_env="SHOP_DSN"), "SELECT 1 AS one")
    for dsn in ("host=a,b dbname=x", "hostaddr=8.8.8.8 dbname=x", "service=x", "nonsense ="):
        monkeypatch.setenv("SHOP_DSN", dsn)
        with pytest.raises(DatabaseTargetError):
            read_rows(DatabaseTarget(dsn_env="SHOP_DSN"), "SELECT 1 AS one")
    assert "UNSET_DSN" not in os.environ
    with pytest.raises(DatabaseTargetError, match="UNSET_DSN is not set"):
        read_rows(DatabaseTarget(dsn_env="UNSET_DSN"), "SELECT 1 AS one")
