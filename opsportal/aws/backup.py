"""AWS Backup: the jobs and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client


@dataclass(frozen=True, slots=True)
class BackupJob:
    """One backup. `state` is AWS's own word: COMPLETED, FAILED, RUNNING, ABORTED, EXPIRED, PARTIAL…"""

    job_id: str
    vault: str
    resource_arn: str
    resource_name: str
    resource_type: str
    state: str
    message: str
    percent: float
    size_bytes: int
    created_at: datetime
    completed_at: datetime | None


def jobs(account: AwsAccount, region: str, *, created_after: datetime) -> list[BackupJob]:
    """Return the jobs created after that time, newest first."""
    found: list[BackupJob] = []
    with guard(account, region, "backup:ListBackupJobs"):
        for page in (
            client(account, "backup", region).get_paginator("list_backup_jobs").paginate(ByCreatedAfter=created_after)
        ):
            found.extend(
                BackupJob(
                    job_id=item["BackupJobId"],
                    vault=item.get("BackupVaultName", ""),
                    resource_arn=item["ResourceArn"],
                    resource_name=item.get("ResourceName", ""),
                    resource_type=item.get("ResourceType", ""),
                    state=item["State"],
                    message=item.get("StatusMessage", ""),
                    percent=float(item.get("PercentDone") or 0),
                    size_bytes=item.get("BackupSizeInBytes", 0),
                    created_at=item["CreationDate"],
                    completed_at=item.get("CompletionDate"),
                )
                for item in page["BackupJobs"]
            )
    return sorted(found, key=lambda job: (job.created_at, job.job_id), reverse=True)
