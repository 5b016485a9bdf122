"""Performance Insights: what a database's sessions wait for and work on, as average active sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opsportal.aws.errors import guard
from opsportal.aws.session import AwsAccount, client

TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Load:
    """One part of the load: a wait event, or a statement without its values. `sessions` is the mean of active ones."""

    name: str
    sessions: float


def top_load(
    account: AwsAccount, region: str, *, resource_id: str, group: str, start: datetime, end: datetime
) -> list[Load]:
    """Return the parts of the load between start and end, the largest first.

    `group` is a dimension group: db.wait_event or db.sql_tokenized.
    """
    dimension = {"db.wait_event": "db.wait_event.name", "db.sql_tokenized": "db.sql_tokenized.statement"}[group]
    with guard(account, region, "pi:DescribeDimensionKeys"):
        answer = client(account, "pi", region).describe_dimension_keys(
            ServiceType="RDS",
            Identifier=resource_id,
            StartTime=start,
            EndTime=end,
            Metric="db.load.avg",
            GroupBy={"Group": group, "Limit": TOP},
        )
    found = [Load(str(row["Dimensions"].get(dimension, "")), float(row["Total"])) for row in answer.get("Keys", [])]
    return sorted(found, key=lambda load: -load.sessions)
