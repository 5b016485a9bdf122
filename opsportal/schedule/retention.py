"""The ledger is kept as long as it is of use: a minute's poll makes half a million runs a year."""

from datetime import timedelta
from typing import Final

from opsportal.core.clock import real_now
from opsportal.schedule.models import Run, RunState

KEEP_QUIET: Final = timedelta(days=30)  # done and skipped
KEEP_TROUBLED: Final = timedelta(days=400)  # failed and unknown
BATCH: Final = 2_000


def prune_runs(*, limit: int = BATCH) -> int:
    """Delete ended runs, with their steps, past their time; returns how many. What a run did stands elsewhere."""
    now, deleted = real_now(), 0
    for states, keep in (
        ((RunState.DONE, RunState.SKIPPED), KEEP_QUIET),
        ((RunState.FAILED, RunState.UNKNOWN), KEEP_TROUBLED),
    ):
        old = Run.objects.filter(state__in=states, created_at__lt=now - keep).order_by("created_at", "pk")
        chosen = list(old.values_list("pk", flat=True)[:limit])
        Run.objects.filter(pk__in=chosen).delete()
        deleted += len(chosen)
    return deleted
