"""Prove the chains, by themselves and against the witness outside the database."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection

from opsportal.audit.anchor import SHORT
from opsportal.audit.models import AuditEntry, AuditHead

GENESIS: Final = hashlib.sha256(b"opsportal").digest()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The state of one chain. `first_bad` is the first row that was changed, moved, added or is missing."""

    chain: int
    rows: int
    first_bad: int | None
    reason: str
    witnessed_to: int
    younger: int

    @property
    def is_whole(self) -> bool:
        return self.first_bad is None


def first_break(chain: int, *, after: int = 0, expected_hash: bytes | None = None) -> int | None:
    """The first row after `after` that does not follow from the one before it, by the chain alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_first_break(%s, %s, %s)", [chain, after, expected_hash or GENESIS])
        row = cursor.fetchone()
    return None if row is None or row[0] is None else int(row[0])


def _first_against_witness(chain: int, witness: Mapping[int, bytes]) -> int | None:
    stored = {
        seq: bytes(value)[:SHORT]
        for seq, value in AuditEntry.objects.filter(chain=chain).order_by().values_list("seq", "hash")
    }
    return min((seq for seq, short in witness.items() if stored.get(seq) != short), default=None)


def verify_chain(chain: int, witness: Mapping[int, bytes]) -> ChainReport:
    """Check one chain against itself, its head and what the anchor saw of it."""
    heads = AuditHead.objects.filter(chain=chain).values_list("seq", "hash").first()
    head_seq, head_hash = heads or (0, GENESIS)
    last = AuditEntry.objects.filter(chain=chain).order_by("-seq", "-pk").values_list("seq", "hash").first()
    rows = AuditEntry.objects.filter(chain=chain).count()
    findings: list[tuple[int, str]] = []
    broken = first_break(chain)
    if broken is not None:
        findings.append((broken, "does not follow from the row before it"))
    against = _first_against_witness(chain, witness)
    if against is not None:
        findings.append((against, "differs from the anchor, or is missing"))
    last_seq, last_hash = last or (0, GENESIS)
    if last_seq != head_seq:
        findings.append((min(last_seq, head_seq) + 1, "the head names another last row"))
    elif bytes(last_hash) != bytes(head_hash):
        findings.append((max(last_seq, 1), "the head holds another hash"))
    first_bad, reason = min(findings, default=(None, ""))
    witnessed_to = max(witness, default=0)
    return ChainReport(chain, rows, first_bad, reason, witnessed_to, max(0, last_seq - witnessed_to))


def verify_all(witness: Mapping[int, Mapping[int, bytes]]) -> list[ChainReport]:
    """Every chain known to the database or to the anchor, in order."""
    known = set(AuditHead.objects.order_by().values_list("chain", flat=True)) | set(witness)
    known |= set(AuditEntry.objects.order_by().values_list("chain", flat=True).distinct())
    return [verify_chain(chain, witness.get(chain, {})) for chain in sorted(known)]
