"""One resource as a reader hands it in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Found:
    """One resource as read: `owner` are the words by which a service claims it."""

    identifier: str
    data: Mapping[str, Any]
    state: str
    summary: str
    parent: str = ""
    happened_at: datetime | None = None
    owner: tuple[str, ...] = ()
    arn: str = ""


def data_of(item: Any) -> dict[str, Any]:
    """A dataclass as JSON keeps it."""
    plain = orjson.loads(orjson.dumps(asdict(item)))
    assert isinstance(plain, dict)
    return plain
