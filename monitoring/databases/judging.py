"""What an answer of a platform's database means: rows in, verdict and words out, nothing asked.

A verdict is ok, warn, fail, unknown, or "" for a figure that has no limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from opsportal.core.formats import duration, number, plural

CONNECTIONS_WARN, CONNECTIONS_FAIL = 70.0, 80.0  # per cent of max_connections; 80 as in the check db.connections
LAG_WARN, LAG_FAIL = 1.0, 30.0  # seconds
SLOW_MEAN: Final = 1000.0  # milliseconds
SLOW_CALLS: Final = 10
CACHE_WARN, CACHE_FAIL = 99.0, 90.0  # per cent
CACHE_LEAST: Final = 10_000  # blocks asked for, below which a share says nothing
DEAD_WARN, DEAD_FAIL = 20.0, 50.0  # per cent; 20 is autovacuum's own default
DEAD_LEAST: Final = 1000  # rows
FREEZE_FACTOR: Final = 1.5
HALF: Final = 50.0  # per cent of 2^31
UNUSED_AGE: Final = timedelta(days=30)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """The server itself, as one statement says it.

    `started` is when this server process began, seconds since 1970. `counted_for` is the age in seconds of what it
    counts: since it was reset or, where no reset is told, for as long as the portal saw it go on.
    """

    version: str
    is_replica: bool
    started: float
    up_for: float
    bytes: int
    allowed: int
    freeze_at: int
    monitors: bool
    hit: int
    missed: int
    counted_for: float
    statements_in: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer in one line."""

    verdict: str
    summary: str


def _by(value: float, warn: float, fail: float) -> str:
    return "fail" if value > fail else "warn" if value > warn else "ok"


def connections(rows: Rows, facts: Facts) -> Judged:
    """Sessions of those allowed; one that idles in a transaction is named."""
    used = int(rows[0]["used"]) if rows else 0
    share = 100 * used / facts.allowed
    idle = sum(row["n"] for row in rows if str(row["state"]).startswith("idle in transaction"))
    more = f", {idle} idle in a transaction" if idle else ""
    return Judged(_by(share, CONNECTIONS_WARN, CONNECTIONS_FAIL), f"{used} of {facts.allowed}{more}")


def replicas(rows: Rows, _facts: Facts) -> Judged:
    """The replica furthest behind."""
    if not rows:
        return Judged("", "nothing streams from this server")
    known = [row for row in rows if row["lag"] is not None or row["behind"] == 0]
    if len(known) < len(rows):
        return Judged("unknown", f"{len(rows) - len(known)} of {plural(len(rows), 'replica')} told no lag")
    worst = max(float(row["lag"] or 0) for row in rows)
    return Judged(_by(worst, LAG_WARN, LAG_FAIL), f"{number(worst, 'Seconds')}, {plural(len(rows), 'replica')}")


def slow(rows: Rows, _facts: Facts) -> Judged:
    """The statement that took most, and how many are slow on average."""
    if not rows:
        return Judged("", "no statement counted yet")
    late = sum(row["mean"] > SLOW_MEAN and row["calls"] >= SLOW_CALLS for row in rows)
    share = rows[0]["share"] or 0.0
    first = f"the first takes {share:.0f} % of the time, {number(rows[0]['mean'], 'Milliseconds')} a call"
    return Judged("warn", f"{plural(late, 'slow statement')}; {first}") if late else Judged("ok", first)


def cache(_rows: Rows, facts: Facts) -> Judged:
    """Share of blocks found in shared buffers, of the whole database."""
    asked = facts.hit + facts.missed
    if asked < CACHE_LEAST:
        return Judged("", f"only {plural(asked, 'block')} asked for yet")
    share = 100 * facts.hit / asked
    verdict = "fail" if share < CACHE_FAIL else "warn" if share < CACHE_WARN else "ok"
    return Judged(verdict, f"{share:.2f} % of {number(asked)} blocks")


def bloat(rows: Rows, _facts: Facts) -> Judged:
    """The table with the largest share of dead rows."""
    full = [row for row in rows if row["dead"] >= DEAD_LEAST and row["share"] is not None]
    over = sorted((row for row in full if row["share"] > DEAD_WARN), key=lambda row: -row["share"])
    if not over:
        return Judged("ok", f"no table over {DEAD_WARN:.0f} % dead")
    worst = over[0]
    said = f"{plural(len(over), 'table')} over {DEAD_WARN:.0f} % dead: {worst['table']} {worst['share']:.0f} %"
    return Judged(_by(worst["share"], DEAD_WARN, DEAD_FAIL), said)


def wraparound(rows: Rows, facts: Facts) -> Judged:
    """The oldest transaction id."""
    if not rows:
        return Judged("unknown", "no age was told")
    worst = max(rows, key=lambda row: row["share"])
    said = f"{worst['share']:.1f} % of 2^31: {worst['what']}"
    if worst["share"] >= HALF:
        return Judged("fail", said)
    oldest = max(row["age"] for row in rows)
    return Judged("warn" if oldest > FREEZE_FACTOR * facts.freeze_at else "ok", said)


def unused(rows: Rows, facts: Facts) -> Judged:
    """How many, how large, and for how long nothing was seen."""
    age = timedelta(seconds=facts.counted_for)
    if not rows:
        return Judged("ok" if age >= UNUSED_AGE else "", f"none in {duration(age)}")
    size = number(sum(row["bytes"] or 0 for row in rows), "Bytes")
    said = f"{plural(len(rows), 'index', 'indexes')} of {size} not scanned in {duration(age)}"
    if age < UNUSED_AGE:
        return Judged("", f"{said}: too early to say")
    return Judged("warn", said)


def foreign_keys(rows: Rows, _facts: Facts) -> Judged:
    """How many."""
    return Judged("warn", f"{len(rows)}, first {rows[0]['table']}") if rows else Judged("ok", "none")


def invalid(rows: Rows, _facts: Facts) -> Judged:
    """How many."""
    return Judged("warn", f"{len(rows)}, first {rows[0]['index']}") if rows else Judged("ok", "none")


def settings(rows: Rows, _facts: Facts) -> Judged:
    """How many differ, how many wait."""
    waits = sum(bool(row["waits"]) for row in rows)
    said = f"{len(rows) - waits} differ from the default" if not waits else f"{waits} of {len(rows)} wait for a restart"
    return Judged("warn" if waits else "", said)
