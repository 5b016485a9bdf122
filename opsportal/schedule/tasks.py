"""The base of every Celery task: an explicit name, queue and time limits, and the ledger around the work.

Messages are hints: they carry a run's id and nothing else. A message that is lost, doubled or late changes nothing,
because the run is claimed in PostgreSQL and handed over again until somebody did.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from celery import Task, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections

from opsportal.schedule.holding import held, holder
from opsportal.schedule.services import LeaseLostError, RunClaim, claim_run, defer_run, fail_run, finish_run

logger = structlog.get_logger(__name__)

QUEUES: Final = ("default", "aws", "checks", "jobs")
MAX_TIME_LIMIT: Final = 240
TaskFunction = Callable[[RunClaim], Mapping[str, Any] | None]


class PermanentTaskError(Exception):
    """The run failed and repeating it would fail again; its message is shown in the ledger."""


class NotYetError(Exception):
    """The run waits for something outside: it gives its place in the worker to others and is due again soon."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"due again in {seconds:g} s")
        self.seconds = seconds


class TaskDeclarationError(ValueError):
    """A task is declared without a known queue or a time limit within bounds."""


def scheduled_task(*, name: str, queue: str, time_limit: int) -> Callable[[TaskFunction], "Task[..., None]"]:
    """Declare a Celery task that does one run of the ledger.

    The function gets the claimed run and returns its figures; an exception makes the run due again after a back-off,
    PermanentTaskError fails it at once, NotYetError puts it off without spending an attempt. `time_limit` is seconds,
    at most 240. Raises TaskDeclarationError.
    """
    if queue not in QUEUES or not 0 < time_limit <= MAX_TIME_LIMIT:
        raise TaskDeclarationError(f"{name}: the queue must be one of {QUEUES}, the limit at most {MAX_TIME_LIMIT} s.")

    def declare(function: TaskFunction) -> "Task[..., None]":
        @shared_task(
            name=name,
            queue=queue,
            time_limit=time_limit,
            soft_time_limit=max(1, time_limit - min(30, time_limit // 4)),
            acks_late=True,
            ignore_result=True,
        )
        def task(run_id: int) -> None:
            close_old_connections()
            try:
                run_once(name, function, run_id)
            finally:
                close_old_connections()

        return task

    return declare


def run_once(name: str, function: TaskFunction, run_id: int) -> None:
    """Claim the run, do it, finish it; a repeated message finds nothing to claim."""
    claim = claim_run(run_id=run_id, holder=holder())
    if claim is None:
        return
    log = logger.bind(task=name, run=run_id, key=claim.key, attempt=claim.attempt)
    try:
        with held(claim):
            result = function(claim)
        finish_run(claim=claim, result=result)
    except NotYetError as later:
        _put_off(claim, later.seconds)
    except LeaseLostError:
        log.warning("schedule.lease_lost")
    except PermanentTaskError as error:
        _fail(claim, str(error), is_permanent=True)
    except SoftTimeLimitExceeded:
        _fail(claim, "The run passed its time limit.", is_permanent=False)
    except Exception as error:
        log.warning("schedule.run_failed", exc_info=True)
        _fail(claim, f"{type(error).__name__}: {error}", is_permanent=False)


def _put_off(claim: RunClaim, seconds: float) -> None:
    try:
        defer_run(claim=claim, seconds=seconds)
    except LeaseLostError:
        logger.warning("schedule.lease_lost", run=claim.run_id)


def _fail(claim: RunClaim, error: str, *, is_permanent: bool) -> None:
    try:
        fail_run(claim=claim, error=error, is_permanent=is_permanent)
    except LeaseLostError:
        logger.warning("schedule.lease_lost", run=claim.run_id)
