"""Saved questions to the logs: written, asked and stopped by people; given up when no worker ends them (M-MET-07)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from monitoring.insights.lint import errors_of
from monitoring.models import LogQuery, LogRun, LogRunState
from monitoring.selectors.log_queries import estimate
from monitoring.services.log_caps import over_cap
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform, PolicySource, Service
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.services import run_request

TASK: Final = "monitoring.run_log_query"
MOST_MINUTES: Final = 7 * 24 * 60
MOST_OPEN: Final = 5  # of a platform; AWS takes thirty of an account at once
LOST_AFTER: Final = timedelta(minutes=1)
MAY_CHANGE: Final = ("name", "service", "text", "minutes", "note", "enabled")
NO_WORKER: Final = "The ledger has no run for it any more."


class LogQueryError(RefusedError):
    """The question cannot be kept or asked; the message says why."""


def _checked(platform_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: clean_text(value).strip() if isinstance(value, str) else value for name, value in values.items()
    }
    unknown = sorted(set(found) - set(MAY_CHANGE))
    if unknown:
        raise LogQueryError(f"A saved question has no {unknown[0]}.")
    service = found.get("service")
    if isinstance(service, Service) and service.platform_id != platform_id:
        raise LogQueryError("The service is another platform's.")
    if "text" in found and (errors := errors_of(found["text"])):
        raise LogQueryError(f"Line {errors[0].line}: {errors[0].text}")
    if not 1 <= found.get("minutes", 1) <= MOST_MINUTES:
        raise LogQueryError(f"It looks back between 1 and {MOST_MINUTES:,} minutes.")
    return found


@transaction.atomic
def log_query_add(*, by: Actor, at: datetime, platform: Platform, key: str, values: Mapping[str, Any]) -> LogQuery:
    """Keep a new question. Raises LogQueryError."""
    query = LogQuery(platform=platform, key=key, **_checked(platform.pk, values))
    try:
        with transaction.atomic():
            query.save(force_insert=True)
    except IntegrityError as error:
        raise LogQueryError(f"{query.service.name} has a question {key}.") from error
    _audit(by, at, query, "added")
    return query


@transaction.atomic
def log_query_change(*, by: Actor, at: datetime, query: LogQuery, expected: int, values: Mapping[str, Any]) -> LogQuery:
    """Change a question; its runs keep what they asked. Raises LogQueryError, VersionConflictError."""
    columns = _checked(query.platform_id, values)
    changed = sorted(name for name, value in columns.items() if getattr(query, name) != value)
    try:
        with transaction.atomic():
            query.update_versioned(expected=expected, **columns, source=PolicySource.EDITED)
    except IntegrityError as error:
        raise LogQueryError(f"That service has a question {query.key}.") from error
    _audit(by, at, query, "changed", fields=changed)
    return query


@transaction.atomic
def log_query_ask(*, by: Actor, at: datetime, query: LogQuery, minutes: int, until: datetime | None = None) -> LogRun:
    """Have a worker ask it about the `minutes` before `until` (else `at`). Raises LogQueryError."""
    if not query.enabled:
        raise LogQueryError(f"{query.name} is put aside: an administrator may take it up again.")
    if errors := errors_of(query.text):
        raise LogQueryError(f"Line {errors[0].line}: {errors[0].text}")
    if not 1 <= minutes <= MOST_MINUTES:
        raise LogQueryError(f"It looks back between 1 and {MOST_MINUTES:,} minutes.")
    ends_at = min(until or at, at)
    starts_at = ends_at - timedelta(minutes=minutes)
    Platform.objects.hold(query.platform_id)  # two at once count each other
    if LogRun.objects.filter(platform_id=query.platform_id, state__in=LogRun.OPEN).count() >= MOST_OPEN:
        raise LogQueryError(f"{MOST_OPEN} questions of this platform are being asked: wait for one, or stop it.")
    expected = estimate(query, starts_at, ends_at).scanned
    if refusal := over_cap(query.platform, expected, at=at):
        raise LogQueryError(refusal)
    run = LogRun.objects.create(
        query=query,
        platform_id=query.platform_id,
        text=query.text,
        starts_at=starts_at,
        ends_at=ends_at,
        expected_bytes=expected,
        asked_by_id=by.user_id,
        asked_by_name=by.name[:120],
        asked_at=at,
    )
    run_request(
        key=_ledger_key(run),
        task=TASK,
        at=at,
        queue="checks",
        args={"log_run": run.pk},
        platform_id=query.platform_id,
    )
    _audit(by, at, query, "asked", run=run.pk, minutes=minutes)
    return run


@transaction.atomic
def log_run_stop(*, by: Actor, at: datetime, run: LogRun) -> LogRun:
    """Stop a run: at once where no worker has it, else by the worker within seconds. What has ended stays as it is."""
    current = LogRun.objects.select_for_update().get(pk=run.pk)
    if not current.is_open or current.stop_asked_at is not None:
        return current
    current.stop_asked_at = at
    if current.state == LogRunState.WAITING:
        current.state, current.finished_at, current.said = LogRunState.STOPPED, at, "Stopped before it was asked."
    current.save(update_fields=["stop_asked_at", "state", "finished_at", "said"])
    touch(current.topic, current.pk)
    _audit(by, at, LogQuery.objects.get(pk=current.query_id), "stop_asked", run=current.pk)
    return current


def log_runs_give_up(*, at: datetime) -> int:
    """End the runs that no worker goes on with, saying what is known; returns how many."""
    waiting = LogRun.objects.filter(state__in=LogRun.OPEN, asked_at__lt=at - LOST_AFTER).order_by("asked_at", "pk")
    rows = list(waiting[:50])
    if not rows:
        return 0
    keys = {_ledger_key(row): row for row in rows}
    ledger = {run.key: run for run in Run.objects.filter(key__in=keys)}
    given_up = 0
    for key, row in keys.items():
        run = ledger.get(key)
        if run is not None and run.state not in Run.ENDED:
            continue
        why = (run.error or RunState(run.state).label) if run is not None else NO_WORKER
        given_up += _give_up(row, why, at)
    return given_up


@transaction.atomic
def _give_up(row: LogRun, why: str, at: datetime) -> int:
    begun = any(part["state"] in ("asking", "running") for part in row.parts)
    ended = " AWS may have read logs for it until its own end." if begun else " AWS was not asked."
    open_still = LogRun.objects.filter(pk=row.pk, fence=row.fence, state__in=LogRun.OPEN)
    values = {"state": LogRunState.LOST, "said": f"No worker ended it: {why}{ended}"[:2_000], "finished_at": at}
    if not open_still.update(**values):
        return 0
    touch(row.topic, row.pk)
    return 1


def _ledger_key(run: LogRun) -> str:
    return f"log-run:{run.pk}"


def _audit(by: Actor, at: datetime, query: LogQuery, done: str, **data: object) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.log_query.{done}",
        obj_kind="monitoring.log_query",
        obj_id=query.pk,
        platform_id=query.platform_id,
        data={"key": query.key, **data},
    )
