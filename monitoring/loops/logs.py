"""The loop behind questions to the logs: what no worker ends is said to be lost."""

from datetime import datetime

from monitoring.services.log_queries import log_runs_give_up
from opsportal.schedule.loops import loop


@loop(name="monitoring.log-runs", every=15.0, limit=20.0)
def give_up_lost(now: datetime) -> int:
    """Runs whose ledger entry ended without them."""
    return log_runs_give_up(at=now)
