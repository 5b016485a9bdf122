"""The loops behind questions to the logs: what no worker ends is said to be lost, what is old is let go of."""

from datetime import datetime

from monitoring.services.log_queries import log_runs_give_up
from monitoring.services.log_retention import log_runs_forget
from opsportal.schedule.loops import loop


@loop(name="monitoring.log-runs", every=15.0, limit=20.0)
def give_up_lost(now: datetime) -> int:
    """Runs whose ledger entry ended without them."""
    return log_runs_give_up(at=now)


@loop(name="monitoring.log-retention", every=3600.0, limit=30.0)
def forget(now: datetime) -> int:
    """Let go of runs and answers older than 90 days that no record leads to."""
    log_runs_forget(at=now)
    return 0
