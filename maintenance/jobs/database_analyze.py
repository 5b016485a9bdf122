"""Refresh the planner's statistics of a platform's database, table by table (M-MNT-09).

ANALYZE takes no lock that stops readers or writers, changes no row and may be repeated: a lost worker costs a
second pass over one table. Plain VACUUM and ANALYZE need only the MAINTAIN right.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from maintenance.models import Job, WindowOccurrence
from monitoring.models import TargetDatabase
from opsportal.core.formats import plural
from opsportal.core.models import JSON
from opsportal.plans.execution import CallFailedError, register_executor
from opsportal.plans.models import PlanCall, RiskClass
from opsportal.plans.services import PlanDraft, PlannedCall, PlanRefusedError
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.database import DatabaseTargetError, maintain, read_rows

KIND: Final = "database-analyze"
OPERATION: Final = "sql.analyze"
MAX_TABLES: Final = 200

TABLES_SQL: Final = """
SELECT schemaname, relname, n_live_tup, n_mod_since_analyze
FROM pg_stat_user_tables ORDER BY n_mod_since_analyze DESC, schemaname, relname LIMIT %s
"""
STATS_SQL: Final = """
SELECT n_live_tup AS live, n_dead_tup AS dead, n_mod_since_analyze AS changed,
       greatest(last_analyze, last_autoanalyze)::text AS analyzed_at
FROM pg_stat_user_tables WHERE schemaname = %s AND relname = %s
"""


def plan(job: Job, occurrence: WindowOccurrence, at: datetime) -> PlanDraft:
    """One call per table, those with most changes first. `at` is when the plan is written."""
    database = TargetDatabase.objects.filter(platform_id=job.platform_id, key=job.params["database"]).first()
    if database is None:
        raise PlanRefusedError(f"{job.platform} has no database named {job.params['database']}; connect it first.")
    tables = read_rows(database.reader, TABLES_SQL, [MAX_TABLES])
    calls = [
        PlannedCall(
            operation=OPERATION,
            target=f"{database.key}: {table['schemaname']}.{table['relname']}",
            params={"database": database.pk, "schema": str(table["schemaname"]), "table": str(table["relname"])},
            effect=effect_of(table["n_mod_since_analyze"], table["n_live_tup"]),
            risk=RiskClass.REPEATABLE,
        )
        for table in tables
    ]
    return PlanDraft(
        kind=KIND,
        title=f"{job.name}, {occurrence.starts_at:%d %b %Y}",
        effect=f"Fresh planner statistics for {len(calls)} tables of {database.name}, as read at {at:%H:%M} UTC. "
        "No row is changed and no reader or writer waits.",
        calls=calls,
        starts_after=occurrence.starts_at,
        expires_at=occurrence.ends_at,
    )


def effect_of(changes: int, rows: int) -> str:
    """What one call does, in figures: one row may change many times, or be gone."""
    if changes:
        return f"{plural(changes, 'change')} since the last analyze, {plural(rows, 'row')}"
    return f"No change since the last analyze so far, {plural(rows, 'row')}; planned for what changes before the window"


def execute(call: PlanCall) -> Mapping[str, JSON]:
    """ANALYZE one table and report its figures before and after."""
    database = TargetDatabase.objects.get(pk=call.params["database"])
    names = [call.params["schema"], call.params["table"]]
    try:
        before = read_rows(database.reader, STATS_SQL, names)
        if not before:
            raise CallFailedError(f"{call.target} is not there any more; nothing was done to it.")
        maintain(database.maintainer, "ANALYZE {}.{}", names)
        after = read_rows(database.reader, STATS_SQL, names)
    except (DatabaseTargetError, BlockedAddressError) as error:
        raise CallFailedError(f"{call.target}: {error}") from error
    return {"before": before[0], "after": after[0] if after else None}


register_executor(OPERATION, execute)
