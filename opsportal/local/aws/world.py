"""What the simulator remembers: its first day, the script of the past, and the faults switched on since."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from opsportal.core import clock
from opsportal.local.aws import catalogue, metrics, script
from opsportal.local.aws.acts import TASKS_START, Act, Kind, act_from_row
from opsportal.local.aws.faults import DEFAULT_MINUTES, FAULTS, Effect, Fault, effect
from opsportal.local.aws.series import Generator, Spell
from opsportal.local.aws.store import SeriesStore

MAX_MINUTES: Final = 7 * 24 * 60
QUERIES_KEPT: Final = 200
_FOR_EVER: Final = 2**40


class UnknownFaultError(ValueError):
    """There is no fault or platform of that name."""


class World:
    """The state of one simulator. Its file holds the first day, faults, acts and links; all else is computed."""

    def __init__(self, state_file: Path | None = None, *, seed: int = script.SEED, today: date | None = None) -> None:
        self._file = state_file
        self._lock = threading.RLock()
        self.seed = seed
        self.today: date = today or clock.now().date()
        self._faults: list[Fault] = []
        self._acts: list[Act] = []
        self._queries: dict[str, dict[str, Any]] = {}
        self.links: dict[str, str] = {}
        self.revision = 0
        self.store = SeriesStore()
        if state_file is not None and state_file.exists():
            self._load(json.loads(state_file.read_text(encoding="utf-8")))
        else:
            self._save()

    @cached_property
    def past(self) -> script.Past:
        """The script that ended on the day of the first start."""
        return script.past(self.seed, self.today - timedelta(days=script.DAYS))

    @cached_property
    def _generators(self) -> dict[tuple[str, str, frozenset[tuple[str, str]]], Generator]:
        return {metric.key: Generator(metric) for metric in metrics.metrics()}

    def generator(self, namespace: str, name: str, dimensions: frozenset[tuple[str, str]]) -> Generator | None:
        """Return the living series of exactly these dimensions; None when there is none."""
        return self._generators.get((namespace, name, dimensions))

    def generators(self) -> list[Generator]:
        """Return every living series."""
        return list(self._generators.values())

    def faults(self) -> list[Fault]:
        """Return the faults of the past and those switched on since, in no order."""
        with self._lock:
            return [*self.past.faults(), *self._faults]

    def active(self, at: datetime) -> list[Fault]:
        """Return the faults that last at that moment."""
        return [fault for fault in self.faults() if fault.covers(at)]

    def spells(self, generator: Generator) -> list[Spell]:
        """Return what befell one series, in whole minutes: a fault is felt from the minute in which it starts."""
        found = []
        for fault in self.faults():
            if fault.platform != generator.metric.platform:
                continue
            change = effect(fault.name, generator.metric)
            if change is not None:
                first = int(fault.starts_at.timestamp()) // 60
                found.append(Spell(first, max(first + 1, int(fault.ends_at.timestamp()) // 60), change))
        if generator.metric.name == "HealthyHostCount" and not found:
            for act in self.acts("scale", generator.metric.service):
                first = int((act.at + TASKS_START).timestamp()) // 60
                found.append(Spell(first, _FOR_EVER, Effect("set", float(act.value["tasks"]))))
        return found

    def acts(self, kind: Kind, target: str) -> list[Act]:
        """Return what was done to that target, oldest first."""
        with self._lock:
            return [act for act in self._acts if act.kind == kind and act.target == target]

    def act(self, act: Act, *, relieves: tuple[str, ...] = (), platform: str = "", after: timedelta) -> None:
        """Keep a change; it ends these faults of the platform once it has taken hold."""
        ends_at = act.at + after
        with self._lock:
            self._acts.append(act)
            self._faults = [
                Fault(f.name, f.platform, f.starts_at, ends_at)
                if f.name in relieves and f.platform == platform and f.covers(act.at) and f.ends_at > ends_at
                else f
                for f in self._faults
            ]
            self.revision += 1
            self._save()

    def remember_query(self, identity: str, asked: dict[str, Any]) -> None:
        """Keep what a question to the logs asked, of the newest few."""
        with self._lock:
            self._queries[identity] = asked
            for old in list(self._queries)[:-QUERIES_KEPT]:
                del self._queries[old]

    def query(self, identity: str) -> dict[str, Any] | None:
        with self._lock:
            return self._queries.get(identity)

    def start_fault(
        self, name: str, *, at: datetime, minutes: int = DEFAULT_MINUTES, platform: str | None = None
    ) -> Fault:
        """Switch a fault on; its platform is the usual one unless named. Raises UnknownFaultError."""
        known = {owner.key for owner in catalogue.PLATFORMS}
        if name not in FAULTS or (platform is not None and platform not in known):
            raise UnknownFaultError(f"Faults: {', '.join(FAULTS)}. Platforms: {', '.join(sorted(known))}.")
        if not 1 <= minutes <= MAX_MINUTES:
            raise UnknownFaultError(f"A fault lasts from 1 to {MAX_MINUTES} minutes.")
        fault = Fault(name, platform or FAULTS[name], at, at + timedelta(minutes=minutes))
        self.add_faults([fault])
        return fault

    def add_faults(self, faults: list[Fault]) -> None:
        """Lay more faults over the values, past ones as well."""
        with self._lock:
            self._faults.extend(fault for fault in faults if fault not in self._faults)
            self.revision += 1
            self._save()

    def set_links(self, links: dict[str, str]) -> None:
        """Keep where beats and SNS messages are sent: paths of the portal by name. Raises ValueError for others."""
        if wrong := sorted(name for name, path in links.items() if not path.startswith("/")):
            raise ValueError(f"The link {wrong[0]} is no path of the portal: it begins with no /.")
        with self._lock:
            self.links = {**self.links, **links}
            self._save()

    def heal(self, *, at: datetime) -> list[Fault]:
        """End what lasts now and drop what has not begun. Returns the faults ended."""
        with self._lock:
            ended = [fault for fault in self._faults if fault.covers(at)]
            kept = [fault for fault in self._faults if fault.ends_at <= at]
            kept += [Fault(f.name, f.platform, f.starts_at, at) for f in ended if f.starts_at < at]
            self._faults = kept
            self.revision += 1
            self._save()
        return ended

    def describe(self, at: datetime) -> dict[str, Any]:
        """Return the state as the control endpoint shows it."""
        return {
            "now": at.isoformat(),
            "seed": self.seed,
            "first_day": self.past.first_day.isoformat(),
            "today": self.today.isoformat(),
            "faults": FAULTS,
            "links": sorted(self.links),
            "active": [_fault_row(fault) for fault in self.active(at)],
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.seed = int(state["seed"])
        self.today = date.fromisoformat(state["today"])
        self._faults = [fault_from_row(row) for row in state["faults"]]
        self._acts = [act_from_row(row) for row in state.get("acts", ())]
        self.links = dict(state.get("links", {}))

    def _save(self) -> None:
        if self._file is None:
            return
        rows = {
            "seed": self.seed,
            "today": self.today.isoformat(),
            "faults": [_fault_row(f) for f in self._faults],
            "acts": [act.row() for act in self._acts],
            "links": self.links,
        }
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        os.replace(fresh, self._file)  # noqa: PTH105  the atomic rename is the point


def _fault_row(fault: Fault) -> dict[str, str]:
    return {
        "name": fault.name,
        "platform": fault.platform,
        "starts_at": fault.starts_at.isoformat(),
        "ends_at": fault.ends_at.isoformat(),
    }


def fault_from_row(row: dict[str, str]) -> Fault:
    """Read a fault as the state file and the control endpoint write it. Raises KeyError or ValueError."""
    starts_at, ends_at = datetime.fromisoformat(row["starts_at"]), datetime.fromisoformat(row["ends_at"])
    if row["name"] not in FAULTS or starts_at.tzinfo is None or ends_at <= starts_at:
        raise UnknownFaultError(f"Not a fault: {row}")
    return Fault(row["name"], row["platform"], starts_at.astimezone(UTC), ends_at.astimezone(UTC))
