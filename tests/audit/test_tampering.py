"""A superuser changes the trail 100 times: 100 times it shows, with the right first row."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from opsportal.audit.anchor import FileAnchor, read_checkpoints, witnessed
from opsportal.audit.checkpoints import ChainBrokenError, write_due_checkpoints
from opsportal.audit.models import AuditCheckpoint, AuditEntry
from opsportal.audit.services import record
from opsportal.audit.verification import verify_all
from opsportal.core.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
CHAINS, ROWS, YOUNG = (0, 1, 2), 130, 7
SEED = 20260310
Connection = psycopg.Connection[Any]


def write_rows(count: int, chain: int) -> None:
    for n in range(count):
        record(
            by=Actor(kind="user", name="Ada", user_id=n % 5, ip=f"192.0.2.{n}"),
            at=AT,
            verb="shop.order.changed",
            obj_kind="order",
            obj_id=n,
            platform_id=chain or None,
            data={"n": n},
        )


@pytest.fixture
def anchor(tmp_path: Path, owner_connection: Connection) -> Iterator[Path]:
    """Three chains of 130 witnessed rows and 7 younger ones, with a copy to restore from."""
    path = tmp_path / "anchor.jsonl"
    for chain in CHAINS:
        write_rows(ROWS, chain)
    assert write_due_checkpoints(anchor=FileAnchor(path), is_forced=True) == ROWS * len(CHAINS)
    for chain in CHAINS:
        write_rows(YOUNG, chain)
    owner_connection.execute("CREATE TABLE copy_entry AS TABLE audit_auditentry")
    owner_connection.execute("CREATE TABLE copy_head AS TABLE audit_audithead")
    owner_connection.execute("ALTER TABLE audit_auditentry DISABLE TRIGGER USER")
    owner_connection.execute(CHAIN_ANEW)
    yield path
    owner_connection.execute("DROP FUNCTION chain_anew")
    owner_connection.execute("DROP TABLE copy_entry, copy_head")
    owner_connection.execute("ALTER TABLE audit_auditentry ENABLE TRIGGER USER")


def restore(owner: Connection) -> None:
    owner.execute("TRUNCATE audit_auditentry, audit_audithead")
    owner.execute("INSERT INTO audit_auditentry SELECT * FROM copy_entry")
    owner.execute("INSERT INTO audit_audithead SELECT * FROM copy_head")


CHAIN_ANEW = """
CREATE FUNCTION chain_anew(p_chain bigint, p_first bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e audit_auditentry; before bytea;
BEGIN
    SELECT hash INTO before FROM audit_auditentry WHERE chain = p_chain AND seq = p_first - 1;
    before := coalesce(before, sha256('opsportal'::bytea));
    FOR e IN SELECT * FROM audit_auditentry WHERE chain = p_chain AND seq >= p_first ORDER BY seq LOOP
        e.previous_hash := before;
        e.hash := audit_seal(e);
        UPDATE audit_auditentry SET previous_hash = e.previous_hash, hash = e.hash WHERE id = e.id;
        before := e.hash;
    END LOOP;
    UPDATE audit_audithead SET hash = before,
        seq = (SELECT coalesce(max(seq), 0) FROM audit_auditentry WHERE chain = p_chain)
        WHERE chain = p_chain;
END $$;
"""


def chain_anew(owner: Connection, chain: int, first: int) -> None:
    """What a careful forger does: seal every row from `first` on again, and the head."""
    owner.execute("SELECT chain_anew(%s, %s)", [chain, first])


def renumber(owner: Connection, chain: int, first: int, by: int) -> None:
    owner.execute("UPDATE audit_auditentry SET seq = seq + 100000 WHERE chain = %s AND seq >= %s", [chain, first])
    owner.execute("UPDATE audit_auditentry SET seq = seq - 100000 + %s WHERE chain = %s AND seq >= 100000", [by, chain])


def edit(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    change = rng.choice(
        [
            "verb = 'shop.order.viewed'", "obj_id = '999'", "at = at - interval '1 hour'", "data = '{\"n\": -1}'",
            "actor_user_id = 99", "actor_user_id = NULL", "recorded_at = recorded_at + interval '1 microsecond'",
            "ip = '198.51.100.7'", "hash = sha256('x')", "previous_hash = sha256('x')", "ip_digest = sha256('x')",
            "actor_kind = 'system'", "request_id = 'other'", "actor_token_id = 1",
        ]
    )  # fmt: skip
    owner.execute(f"UPDATE audit_auditentry SET {change} WHERE chain = %s AND seq = %s", [chain, row])  # noqa: S608
    return row


def edit_and_chain(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    del rng
    owner.execute("UPDATE audit_auditentry SET obj_id = '999' WHERE chain = %s AND seq = %s", [chain, row])
    chain_anew(owner, chain, row)
    return row


def delete(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    del rng
    owner.execute("DELETE FROM audit_auditentry WHERE chain = %s AND seq = %s", [chain, row])
    return row


def delete_and_chain(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    delete(owner, chain, row, rng)
    renumber(owner, chain, row + 1, -1)
    chain_anew(owner, chain, row)
    return row


def insert_and_chain(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    del rng
    renumber(owner, chain, row, 1)
    owner.execute(
        """
        INSERT INTO audit_auditentry SELECT (jsonb_populate_record(e, jsonb_build_object(
            'id', nextval('audit_auditentry_id_seq'), 'seq', %(row)s, 'obj_id', 'forged'))).*
        FROM audit_auditentry e WHERE chain = %(chain)s AND seq = %(row)s + 1
        """,
        {"chain": chain, "row": row},
    )
    chain_anew(owner, chain, row)
    return row


def swap(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    other = rng.choice([n for n in range(1, ROWS) if n != row])
    owner.execute(
        "UPDATE audit_auditentry SET seq = CASE seq WHEN %(a)s THEN -%(b)s ELSE -%(a)s END"
        " WHERE chain = %(chain)s AND seq IN (%(a)s, %(b)s)",
        {"a": row, "b": other, "chain": chain},
    )
    owner.execute("UPDATE audit_auditentry SET seq = -seq WHERE seq < 0")
    return min(row, other)


def cut_tail(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    del rng
    owner.execute("DELETE FROM audit_auditentry WHERE chain = %s AND seq >= %s", [chain, row])
    chain_anew(owner, chain, row)
    return row


def cut_all(owner: Connection, chain: int, row: int, rng: random.Random) -> int:
    del row, rng
    owner.execute("DELETE FROM audit_auditentry WHERE chain = %s", [chain])
    owner.execute("DELETE FROM audit_audithead WHERE chain = %s", [chain])
    return 1


Tamper = Callable[[Connection, int, int, random.Random], int]
TAMPERS: list[tuple[Tamper, int]] = [
    (edit, 40), (edit_and_chain, 14), (delete, 10), (delete_and_chain, 8), (insert_and_chain, 8), (swap, 8),
    (cut_tail, 10), (cut_all, 2),
]  # fmt: skip


def test_a_hundred_tampers_are_found_with_the_right_first_row(anchor: Path, owner_connection: Connection) -> None:
    rng = random.Random(SEED)
    witness = witnessed(read_checkpoints(anchor))
    assert all(report.is_whole and report.younger == YOUNG for report in verify_all(witness))
    wrong, done = [], 0
    for tamper, times in TAMPERS:
        for _ in range(times):
            restore(owner_connection)
            chain, row = rng.choice(CHAINS), rng.randint(1, ROWS)
            first = tamper(owner_connection, chain, row, rng)
            found = {report.chain: report.first_bad for report in verify_all(witness) if not report.is_whole}
            done += 1
            if found != {chain: first}:
                wrong.append((tamper.__name__, chain, row, first, found))
    assert done == 100
    assert wrong == []


def test_without_the_anchor_a_forged_chain_would_pass(anchor: Path, owner_connection: Connection) -> None:
    """The control: it is the anchor that finds it, not luck."""
    edit_and_chain(owner_connection, 1, 50, random.Random(SEED))
    assert all(report.is_whole for report in verify_all({}))
    assert [r.first_bad for r in verify_all(witnessed(read_checkpoints(anchor)))] == [None, 50, None]


def test_no_checkpoint_is_written_over_a_broken_chain(anchor: Path, owner_connection: Connection) -> None:
    edit(owner_connection, 1, ROWS + 3, random.Random(SEED))
    before = anchor.read_bytes()
    with pytest.raises(ChainBrokenError, match="chain 1 is broken at row 13"):
        write_due_checkpoints(anchor=FileAnchor(anchor), is_forced=True)
    assert not AuditCheckpoint.objects.filter(chain=1, seq__gt=ROWS).exists()
    assert anchor.read_bytes().startswith(before)


def test_verify_names_the_row_and_counts_the_younger_ones(anchor: Path, owner_connection: Connection) -> None:
    out = StringIO()
    call_command("audit", "verify", "--anchor", str(anchor), stdout=out)
    assert "platform 1: 137 rows, whole; 7 rows are younger than the last checkpoint." in out.getvalue()
    cut_tail(owner_connection, 2, 91, random.Random(SEED))
    with pytest.raises(CommandError, match="1 of 3 audit chains were changed"):
        call_command("audit", "verify", "--anchor", str(anchor), stdout=out)
    assert "platform 2: 90 rows, FIRST BAD ROW 91" in out.getvalue()


def test_a_later_line_does_not_overrule_the_witness(anchor: Path, owner_connection: Connection) -> None:
    """Even when the forger makes the portal write fresh checkpoints, the first witness stands."""
    edit_and_chain(owner_connection, 1, 20, random.Random(SEED))
    owner_connection.execute("TRUNCATE audit_auditcheckpoint")
    write_due_checkpoints(anchor=FileAnchor(anchor), is_forced=True)
    assert [r.first_bad for r in verify_all(witnessed(read_checkpoints(anchor)))] == [None, 20, None]
    assert AuditEntry.objects.filter(chain=1).count() == ROWS + YOUNG
