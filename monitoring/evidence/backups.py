"""Checks about backups."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import resources, unknown
from monitoring.models import Resource, ResourceKind, Verdict
from opsportal.core.formats import duration


@check("backup.fresh", title="Backups are fresh", params={"max_age_hours": float})
def backup_fresh(context: CheckContext) -> Finding:
    """Every database has a finished snapshot younger than `max_age_hours`, and no backup job failed since."""
    limit = timedelta(hours=float(context.params.get("max_age_hours", 26)))
    asked: dict[str, Any] = {
        "calls": ["rds:DescribeDBClusterSnapshots", "rds:DescribeDBSnapshots", "backup:ListBackupJobs"],
        "max_age_hours": limit.total_seconds() / 3600,
    }
    seen = resources(
        context, ResourceKind.RDS_CLUSTER, ResourceKind.RDS_INSTANCE, ResourceKind.RDS_SNAPSHOT, ResourceKind.BACKUP_JOB
    )
    if seen.trouble:
        return unknown(seen.trouble, fetched_at=seen.fetched_at, asked=asked)
    databases = [row for row in seen.rows if _is_database(row)]
    if not databases:
        return unknown("No database of this platform is known.", fetched_at=seen.fetched_at, asked=asked)
    ages = {row.identifier: _age(row.identifier, seen.rows, context.at) for row in databases}
    late = sorted(name for name, age in ages.items() if age is None or age > limit)
    failed = [
        row
        for row in seen.rows
        if row.kind == ResourceKind.BACKUP_JOB and row.state == "fail" and _within(row.happened_at, context.at, limit)
    ]
    got = {
        "age_hours": {
            name: None if age is None else round(age.total_seconds() / 3600, 1) for name, age in ages.items()
        },
        "failed_jobs": [{"job": row.identifier, "said": row.summary} for row in failed],
    }
    if late or failed:
        word = f"No fresh backup of {', '.join(late)}" if late else f"Backup job failed: {failed[0].summary}"
        return Finding(verdict=Verdict.FAIL, summary=word, fetched_at=seen.fetched_at, asked=asked, got=got)
    oldest = max(age for age in ages.values() if age is not None)
    text = f"{len(ages)} backed up, oldest {duration(oldest)} ago"
    return Finding(verdict=Verdict.OK, summary=text, fetched_at=seen.fetched_at, asked=asked, got=got)


def _is_database(row: Resource) -> bool:
    """A cluster, or an instance that stands alone: those of a cluster and read replicas come back from their source."""
    return row.kind == ResourceKind.RDS_CLUSTER or (
        row.kind == ResourceKind.RDS_INSTANCE and not row.parent and not row.data.get("replica_of")
    )


def _age(source: str, rows: Iterable[Resource], at: datetime) -> timedelta | None:
    times = [
        row.happened_at
        for row in rows
        if row.kind == ResourceKind.RDS_SNAPSHOT and row.parent == source and row.state == "ok" and row.happened_at
    ]
    return at - max(times) if times else None


def _within(when: datetime | None, at: datetime, limit: timedelta) -> bool:
    return when is not None and at - when <= limit
