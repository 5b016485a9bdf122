"""Writing the trail: one chain per platform, ids only, nothing but audit_append()."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from opsportal.audit.models import AuditEntry, AuditHead
from opsportal.audit.services import AuditDataError, record, text_digest
from opsportal.audit.verification import verify_chain
from opsportal.core.actor import Actor, system_actor

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
PERSON = Actor(kind="user", name="Ada", user_id=7, ip="192.0.2.1", request_id="r-1")


def act(platform_id: int | None = 1, **data: object) -> int:
    return record(
        by=PERSON, at=AT, verb="shop.order.changed", obj_kind="order", obj_id=5, platform_id=platform_id, data=data
    )


@pytest.mark.django_db
def test_each_platform_has_its_own_chain() -> None:
    assert [act(1), act(1), act(2), act(None), act(1)] == [1, 2, 1, 1, 3]
    assert dict(AuditHead.objects.values_list("chain", "seq")) == {0: 1, 1: 3, 2: 1}
    assert all(verify_chain(chain, {}).is_whole for chain in (0, 1, 2))


@pytest.mark.django_db
def test_an_entry_holds_who_what_when_and_no_name() -> None:
    act(3, count=2, due=AT, digest=text_digest("a long story", salt="x"))
    entry = AuditEntry.objects.get(chain=3)
    assert (entry.verb, entry.obj_kind, entry.obj_id, entry.at) == ("shop.order.changed", "order", "5", AT)
    assert (entry.actor_kind, entry.actor_user_id, entry.actor_system, entry.ip) == ("user", 7, "", "192.0.2.1")
    assert entry.data["due"] == "2026-03-10T09:00:00+00:00"
    assert "Ada" not in str(AuditEntry.objects.filter(chain=3).values())


@pytest.mark.django_db
def test_the_portal_itself_is_named() -> None:
    record(by=system_actor("monitoring.poller"), at=AT, verb="a.b.c", obj_kind="x", obj_id="k", platform_id=None)
    assert AuditEntry.objects.get(chain=0).actor_system == "monitoring.poller"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "data",
    [
        {"title": "The shop is down"},
        {"mail": "a@b.example"},
        {"deep": [{"note": "two words"}]},
        {"x": object()},
        {"x": b"y"},
    ],
)
def test_free_text_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(AuditDataError):
        act(1, **data)


@pytest.mark.django_db
def test_a_payload_too_large_is_refused() -> None:
    with pytest.raises(AuditDataError):
        act(1, ids=list(range(5000)))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit_auditentry SELECT * FROM audit_auditentry",
        "UPDATE audit_auditentry SET verb = 'x'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
        "UPDATE audit_audithead SET seq = 0",
        "DELETE FROM audit_audithead",
        "ALTER TABLE audit_auditentry DISABLE TRIGGER ALL",
        "DROP TABLE audit_auditentry CASCADE",
        "CREATE OR REPLACE FUNCTION audit_seal(e audit_auditentry) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'",
        "UPDATE audit_auditcheckpoint SET seq = 0",
        "DELETE FROM audit_auditcheckpoint",
    ],
)
def test_the_app_role_can_only_append(statement: str) -> None:
    act()
    denied = pytest.raises(DatabaseError, match=r"permission denied|must be owner")
    with denied, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify_chain(1, {}).is_whole


@pytest.mark.django_db(transaction=True)
def test_a_function_of_that_name_in_another_schema_is_not_called(owner_connection: "psycopg.Connection[Any]") -> None:
    """The search path of audit_append() is fixed: a temporary table cannot stand in for the trail."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE audit_audithead (chain bigint primary key, seq bigint, hash bytea)")
        act()
        cursor.execute("DROP TABLE pg_temp.audit_audithead")
    row = owner_connection.execute("SELECT seq FROM public.audit_audithead WHERE chain = 1").fetchone()
    assert row == (1,)


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_stopped_from_an_accident(owner_connection: "psycopg.Connection[Any]") -> None:
    act()
    for statement in ("UPDATE audit_auditentry SET verb = 'x'", "DELETE FROM audit_auditentry"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner_connection.execute(statement)


@pytest.mark.django_db
def test_a_rolled_back_act_leaves_no_gap() -> None:
    act()
    with transaction.atomic():
        act()
        transaction.set_rollback(True)
    assert act() == 2
    assert verify_chain(1, {}).is_whole


@pytest.mark.django_db(transaction=True)
def test_blanking_an_address_leaves_the_chain_whole(owner_connection: "psycopg.Connection[Any]") -> None:
    act()
    act()
    owner_connection.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
    owner_connection.execute("UPDATE audit_auditentry SET ip = '', ip_salt = '' WHERE seq = 1")
    assert verify_chain(1, {}).is_whole
    owner_connection.execute("UPDATE audit_auditentry SET ip = '10.0.0.9' WHERE seq = 1")
    assert verify_chain(1, {}).first_bad == 1
    owner_connection.execute("ALTER TABLE audit_auditentry ENABLE TRIGGER USER")
