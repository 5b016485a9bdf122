"""Hand due runs to Celery. Only the dispatcher publishes: a broker in a black hole would hang a web request.

With the broker gone, a circuit breaker leaves it alone for a few seconds; runs stay due in the ledger and are
handed over when it is back.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from kombu.exceptions import OperationalError

from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.schedule.models import Run, RunState

if TYPE_CHECKING:
    from celery import Celery

HAND_AGAIN: Final = (10, 10, 20, 60, 120)  # seconds until an unclaimed run is handed over once more
BATCH: Final = 50


class BrokerGoneError(Exception):
    """The broker does not take messages; runs wait in the ledger."""


@dataclass(slots=True)
class Breaker:
    """Open for `pause` seconds after a failure, so that a dead broker costs one short time-out and no more."""

    pause: float = 3.0
    open_until: datetime | None = field(default=None)

    def is_open(self) -> bool:
        return self.open_until is not None and real_now() < self.open_until

    def failed(self) -> None:
        self.open_until = real_now() + timedelta(seconds=self.pause)

    def worked(self) -> None:
        self.open_until = None


breaker = Breaker()


def short_options() -> dict[str, Any]:
    """The broker's transport options with time-outs that suit a loop: one second, no retry."""
    given = cast("dict[str, Any]", settings.CELERY["broker_transport_options"])
    return given | {"socket_timeout": 1, "socket_connect_timeout": 1, "max_retries": 0}


@cache
def publisher() -> "Celery":
    """A Celery application that only sends: the worker's own stands in a higher room."""
    from celery import Celery  # 0.1 s, which web and commands need not pay: they hand nothing over

    app = Celery("opsportal-publisher", set_as_current=False)
    app.conf.update(settings.CELERY)
    app.conf.broker_transport_options = short_options()
    return app


def hand_over(*, limit: int = BATCH) -> int:
    """Publish due runs that nobody claimed yet; returns how many. Raises BrokerGoneError."""
    if breaker.is_open() or not Run.objects.filter(state=RunState.DUE).exists():
        return 0
    now = real_now()
    waiting = Q(handed_at=None)
    for count, seconds in enumerate(HAND_AGAIN, start=1):
        is_last = count == len(HAND_AGAIN)
        handed = Q(handovers__gte=count) if is_last else Q(handovers=count)
        waiting |= handed & Q(handed_at__lt=now - timedelta(seconds=seconds))
    with transaction.atomic():
        due = Run.objects.select_for_update(skip_locked=True).filter(
            waiting, Q(not_before=None) | Q(not_before__lte=now), state=RunState.DUE
        )
        runs = list(due.order_by("slot_utc", "pk")[:limit])
        # Marked before it is sent: a crash in between costs one repeat interval, never a run.
        Run.objects.filter(pk__in=[run.pk for run in runs]).update(handed_at=now, handovers=F("handovers") + 1)
    for index, run in enumerate(runs):
        failpoint("schedule.before_publish")
        try:
            publisher().send_task(run.task, kwargs={"run_id": run.pk}, queue=run.queue, retry=False)
        except (OperationalError, OSError) as error:
            breaker.failed()
            _take_back(runs[index:])
            raise BrokerGoneError(f"The broker takes no messages: {error}") from error
    breaker.worked()
    return len(runs)


def _take_back(runs: list[Run]) -> None:
    Run.objects.filter(pk__in=[run.pk for run in runs], state=RunState.DUE).update(
        handed_at=None, handovers=F("handovers") - 1
    )
