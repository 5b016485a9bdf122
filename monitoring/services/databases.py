"""A platform's own database: named by people, read on a schedule, read at once when somebody asks."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from monitoring.models import TargetDatabase
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Run, RunState
from opsportal.schedule.recurrence import Rule
from opsportal.schedule.services import run_request, schedule_put

READ_EVERY: Final = 900  # seconds
_DSN_REST: Final = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")


class DatabaseNameError(RefusedError):
    """The database cannot be named so; the message is for the person."""


def dsn_prefix(platform: Platform) -> str:
    """What the variables of a platform's databases begin with."""
    return f"TARGET_DSN_{platform.key.upper().replace('-', '_')}__"


def is_dsn_name(platform: Platform, name: str) -> bool:
    """Whether the variable is meant for this platform: in the same environment stand the portal's own DSN and keys,
    and the databases of platforms that its admin may not see.
    """
    prefix = dsn_prefix(platform)
    return name.startswith(prefix) and _DSN_REST.fullmatch(name.removeprefix(prefix)) is not None


def _reading(database: TargetDatabase) -> dict[str, Any]:
    return {
        "key": f"monitoring.database:{database.pk}",
        "task": "monitoring.read_database",
        "queue": "checks",
        "args": {"database_id": database.pk},
        "platform_id": database.platform_id,
        "max_attempts": 1,
        "lease_seconds": 30,
    }


@transaction.atomic
def target_database_put(
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    key: str,
    values: Mapping[str, Any],
    expected: int | None = None,
) -> TargetDatabase:
    """Name a platform's own database, never a password; it is read at once and every 15 minutes.

    `values` are fields of TargetDatabase. With `expected` only a row of that version is changed, 0 makes a new one.
    Raises VersionConflictError, DatabaseNameError.
    """
    match = {"platform": platform, "key": key}
    before = TargetDatabase.objects.select_for_update().filter(**match).first()
    if expected == 0 and before is not None:
        raise DatabaseNameError(f"{platform.name} has a database {key} already: open it and change it there.")
    if expected and before is not None and before.version != expected:
        before.update_versioned(expected=expected)
    database, is_new, changed = TargetDatabase.put(match=match, values=values)
    schedule_put(**_reading(database), rule=Rule(every_seconds=READ_EVERY), at=at, catch_up="last")
    if is_new or changed:
        run_request(**_reading(database), at=at)
        data = {"key": key, "new": is_new, "changed": changed}
        _record(by=by, at=at, database=database, verb="monitoring.target_database.changed", data=data)
    return database


@transaction.atomic
def database_read_request(*, by: Actor, at: datetime, database: TargetDatabase) -> bool:
    """Have it read now. False when a reading waits or is under way already."""
    asked = _reading(database)
    TargetDatabase.objects.select_for_update().get(pk=database.pk)
    if Run.objects.filter(key=asked["key"], state__in=[RunState.DUE, RunState.RUNNING]).exists():
        return False
    run_request(**asked, at=at)
    _record(by=by, at=at, database=database, verb="monitoring.target_database.asked", data={"key": database.key})
    return True


def _record(*, by: Actor, at: datetime, database: TargetDatabase, verb: str, data: dict[str, Any]) -> None:
    kind = "monitoring.targetdatabase"
    record(by=by, at=at, verb=verb, obj_kind=kind, obj_id=database.pk, platform_id=database.platform_id, data=data)
