"""Probes and their answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from monitoring.models import Probe, TargetDatabase
from monitoring.probing.asking import Outcome
from monitoring.services.probes import Claim, probe_add, result_keep
from monitoring.store import floor_to
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform

BY = system_actor("tests")
FINE = Outcome(True, "HTTP 200", 20.0)
DOWN = Outcome(False, "No answer in time.")
NOT_ASKED = Outcome(None, "Not asked: 10.0.0.1 is not a public address.")


def probe_of(platform: Platform, *, at: datetime, key: str = "web", **values: Any) -> Probe:
    """An HTTP probe every 30 s, down at 2 of 3."""
    plain = {"name": f"Health of {key}", "kind": "http", "address": "https://shop.example.com/health"}
    return probe_add(by=BY, at=at, platform=platform, key=key, values=plain | values)


def database_of(platform: Platform) -> TargetDatabase:
    found, _ = TargetDatabase.objects.get_or_create(
        platform=platform, key="shop", defaults={"name": "Shop database", "dsn_env": "NO_SUCH_DSN"}
    )
    return found


def answered(probe: Probe, outcome: Outcome, *, at: datetime) -> str | None:
    """Keep one answer of the slot that holds `at`, as a pass does."""
    Probe.objects.filter(pk=probe.pk).update(fence=probe.fence)
    claim = Claim(probe, probe.question, probe.fence, floor_to(at, probe.every))
    return result_keep(claim=claim, outcome=outcome, at=at)


def answered_for(probe: Probe, outcomes: Sequence[Outcome | None], *, end: datetime) -> None:
    """One answer each slot, the last one just before `end`; None for a slot that did not run."""
    step = timedelta(seconds=probe.every)
    for number, outcome in enumerate(outcomes):
        if outcome is not None:
            answered(probe, outcome, at=end - step * (len(outcomes) - number))
