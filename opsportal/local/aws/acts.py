"""What approved plans did to the living shop: kept beside the faults, so that a restart still shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

Kind = Literal["scale", "restart", "snapshot", "failover", "reboot", "record"]

TASKS_START: Final = timedelta(seconds=40)
ROLLOUT_TAKES: Final = timedelta(seconds=90)
FAILOVER_TAKES: Final = timedelta(seconds=30)
REBOOT_TAKES: Final = timedelta(seconds=45)
DNS_SPREADS: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Act:
    """One change: of what kind, to which target, when, and what it brought."""

    kind: Kind
    target: str
    at: datetime
    value: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        return {"kind": self.kind, "target": self.target, "at": self.at.isoformat(), "value": dict(self.value)}


def act_from_row(row: Mapping[str, Any]) -> Act:
    """Read an act as the state file keeps it."""
    return Act(row["kind"], row["target"], datetime.fromisoformat(row["at"]).astimezone(UTC), row["value"])
