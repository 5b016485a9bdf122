"""Platforms' databases with made-up answers."""

from datetime import datetime

from monitoring.databases.questions import QUESTIONS
from monitoring.models import DatabaseAnswer, DatabasePoll, RdsEvent, Resource, TargetDatabase
from opsportal.platforms.models import Platform
from tests.factories.monitoring import REGION, account_of, service_of

FACTS = {"version": "16.4", "bytes": 90_000_000, "up_for": 86_400.0, "is_replica": False}


def database_of(platform: Platform, key: str = "shop") -> TargetDatabase:
    """A database named by a variable that is not set."""
    found, _ = TargetDatabase.objects.get_or_create(
        platform=platform, key=key, defaults={"name": f"Database {key}", "dsn_env": f"TARGET_DSN_{key.upper()}"}
    )
    return found


def answered(database: TargetDatabase, *, at: datetime, verdict: str = "ok", rows: int = 1) -> list[DatabaseAnswer]:
    """One reading: each question with that verdict, and rows that fit its columns."""
    found = DatabaseAnswer.objects.bulk_create(
        DatabaseAnswer(
            platform_id=database.platform_id,
            database=database,
            question=question.key,
            read_at=at,
            verdict=verdict,
            summary=f"{question.key} {verdict}",
            rows=[
                {column.key: number if column.unit and column.unit not in {"when", "code"} else f"{column.key} {number}"
                 for column in question.columns}
                for number in range(1, rows + 1)
            ],
        )
        for question in QUESTIONS.values()
    )  # fmt: skip
    values = {"tried_at": at, "fetched_at": at, "facts": FACTS, "readings": 1}
    DatabasePoll.objects.update_or_create(database=database, defaults=values)
    return found


def resource_of(platform: Platform, *, at: datetime, identifier: str = "shop-db", **values: object) -> Resource:
    """A cluster as AWS answered."""
    usual = {
        "platform": platform, "service": service_of(platform), "kind": "rds_cluster", "state": "ok",
        "summary": "aurora-postgresql 16.4, available", "fetched_at": at, "happened_at": at,
    }  # fmt: skip
    usual |= {"account": account_of(platform, at=at), "region": REGION}
    return Resource.objects.create(identifier=identifier, **usual | values)


def event_of(platform: Platform, *, at: datetime, message: str = "Finished DB Instance backup") -> RdsEvent:
    """What RDS said of that cluster."""
    return RdsEvent.objects.create(
        platform=platform, account=account_of(platform, at=at), region=REGION, source="shop-db",
        source_kind="db-cluster", happened_at=at, message=message, categories=["backup"],
    )  # fmt: skip
