"""Carry the chains' state to the anchor, every 5 minutes or 100 rows, and show how far it came."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from opsportal.audit.anchor import ROWS_PER_LINE, SHORT, Anchor, Checkpoint, anchor_from
from opsportal.audit.models import AuditCheckpoint, AuditEntry, AuditHead
from opsportal.audit.verification import first_break
from opsportal.core.clock import real_now

EVERY: Final = timedelta(minutes=5)
ROWS: Final = 100
BATCH: Final = 2000
LOCK_KEY: Final = 0x6F70_7361  # "opsa": one writer of checkpoints at a time


class ChainBrokenError(Exception):
    """The chain does not follow from its last checkpoint: somebody changed it. Nothing more is witnessed."""


def write_due_checkpoints(*, anchor: Anchor | None = None, is_forced: bool = False) -> int:
    """Witness each chain that has 100 new rows, or any new row for 5 minutes; returns how many rows were witnessed.

    Raises ChainBrokenError, AnchorError.
    """
    anchor = anchor or anchor_from(settings.AUDIT_ANCHOR)
    if anchor is None:
        return 0
    done = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY])
            row = cursor.fetchone()
        if row is None or not row[0]:
            return 0
        last = {chain: (seq, at) for chain, seq, at in _last_checkpoints()}
        for head in AuditHead.objects.order_by("chain"):
            seq, at = last.get(head.chain, (0, None))
            if head.seq > seq and (is_forced or head.seq - seq >= ROWS or _waits_long(head.chain, seq, at)):
                done += _witness(anchor, head.chain, seq)
    return done


def _last_checkpoints() -> list[tuple[int, int, datetime]]:
    return list(
        AuditCheckpoint.objects.order_by()
        .values_list("chain")
        .annotate(seq=Max("seq"), at=Max("at"))
        .values_list("chain", "seq", "at")
    )


def _waits_long(chain: int, seq: int, at: datetime | None) -> bool:
    if at is not None and real_now() - at < EVERY:
        return False
    oldest = AuditEntry.objects.filter(chain=chain, seq=seq + 1).values_list("recorded_at", flat=True).first()
    return oldest is None or real_now() - oldest >= EVERY


def _witness(anchor: Anchor, chain: int, after: int) -> int:
    previous = AuditCheckpoint.objects.filter(chain=chain, seq=after).values_list("hash", flat=True).first()
    broken = first_break(chain, after=after, expected_hash=bytes(previous) if previous is not None else None)
    if broken is not None:
        raise ChainBrokenError(f"Audit chain {chain} is broken at row {broken}: run `manage.py audit verify`.")
    rows = list(
        AuditEntry.objects.filter(chain=chain, seq__gt=after).order_by("seq").values_list("seq", "hash")[:BATCH]
    )
    if not rows:
        raise ChainBrokenError(f"Audit chain {chain} lost its rows after {after}: run `manage.py audit verify`.")
    at = real_now()
    anchor.write(
        Checkpoint(
            chain=chain,
            first=part[0][0],
            last=part[-1][0],
            hash=bytes(part[-1][1]),
            rows=tuple(bytes(value)[:SHORT] for _, value in part),
            at=at.isoformat(timespec="seconds"),
        )
        for part in (rows[start : start + ROWS_PER_LINE] for start in range(0, len(rows), ROWS_PER_LINE))
    )
    AuditCheckpoint.objects.create(chain=chain, seq=rows[-1][0], hash=bytes(rows[-1][1]), at=at)
    return len(rows)
