"""Old questions to the logs and what they found are let go of (M-RET-01), but for what the record refers to."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import F

from monitoring.models import ForgottenLogRuns, LogAnswer, LogRun

KEPT_FOR: Final = timedelta(days=90)
Referred = Callable[[], Collection[int]]
_referred: list[Referred] = []


def register_referred(referred: Referred) -> None:
    """A room above says which runs its record leads to: these stay."""
    _referred.append(referred)


@transaction.atomic
def log_runs_forget(*, at: datetime) -> int:
    """Let go of runs asked more than 90 days ago, and of what they found; returns how many.

    Held before the record is asked: a line that is just being written about one waits, and finds it gone.
    """
    old = LogRun.objects.exclude(state__in=LogRun.OPEN).filter(asked_at__lt=at - KEPT_FOR).order_by("pk")
    held = old.select_for_update(skip_locked=True).values_list("pk", "state", "bytes_scanned", "cost_usd")
    found = {pk: (state, scanned, cost) for pk, state, scanned, cost in held}
    if not found:
        return 0
    for pk in {pk for referred in _referred for pk in referred()}:
        found.pop(pk, None)
    for state in sorted({state for state, _, _ in found.values()}):
        _count(state, [(scanned, cost) for one, scanned, cost in found.values() if one == state])
    LogAnswer.objects.filter(run__in=found).delete()
    return LogRun.objects.filter(pk__in=found).delete()[0]


def _count(state: str, figures: Sequence[tuple[int, Decimal]]) -> None:
    ForgottenLogRuns.objects.get_or_create(state=state)
    ForgottenLogRuns.objects.filter(state=state).update(
        runs=F("runs") + len(figures),
        bytes_scanned=F("bytes_scanned") + sum(scanned for scanned, _ in figures),
        cost_usd=F("cost_usd") + sum((cost for _, cost in figures), Decimal(0)),
    )
