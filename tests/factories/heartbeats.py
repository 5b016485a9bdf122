"""Jobs and their beats."""

from datetime import datetime
from typing import Any

from monitoring.models import Heartbeat
from monitoring.services.heartbeats import beat_store, heartbeat_add
from monitoring.services.links import key_hash
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform

BY = system_actor("tests")


def heartbeat_of(platform: Platform, *, at: datetime, key: str = "dump", **values: Any) -> tuple[Heartbeat, str]:
    """A job every five minutes with one of grace, and the key of its link."""
    plain = {"name": f"Job {key}", "every_seconds": 300, "grace_seconds": 60}
    return heartbeat_add(by=BY, at=at, platform=platform, key=key, values=plain | values)


def beaten(key: str, *, at: datetime, word: str = "done", code: int | None = None, log: str = "") -> int | None:
    """One beat at its link, as the view keeps it."""
    hashed = key_hash(key)
    assert hashed is not None
    return beat_store(key=hashed, word=word, exit_code=code, log=log, at=at)
