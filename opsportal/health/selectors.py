"""How the portal itself is: one reading for the page, the deep check, the banner and the metrics."""

import platform as python_platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from time import monotonic

import django
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from opsportal.core.shell import Health
from opsportal.health.models import Finding
from opsportal.notifications.selectors import OutboxState, outbox_state
from opsportal.schedule.probes import Probe, probes
from opsportal.schedule.selectors import LoopHealth, loop_health, runs_by_state

REDIS_SECONDS = 0.3
BANNER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Part:
    """One dependency of the portal as it answers now; `state` is ok, degraded or dead."""

    name: str
    state: str
    text: str


class Reading:
    """Everything at one moment; each part is read when it is first asked for."""

    @cached_property
    def loops(self) -> list[LoopHealth]:
        return loop_health()

    @cached_property
    def outbox(self) -> OutboxState:
        return outbox_state()

    @cached_property
    def runs(self) -> dict[str, int]:
        return runs_by_state()

    @cached_property
    def findings(self) -> Sequence[Finding]:
        return list(Finding.objects.order_by("invariant", "pk")[:100])

    @cached_property
    def probes(self) -> list[Probe]:
        return probes()

    @cached_property
    def redis(self) -> Part:
        return redis_part()

    @property
    def ill_loops(self) -> list[LoopHealth]:
        return [item for item in self.loops if not item.is_well]

    def parts(self) -> list[Part]:
        """Every part of the deep check, the database first."""
        loops = (
            Part("loops", "dead", _names(self.ill_loops)) if self.ill_loops else Part("loops", "ok", "All loops run.")
        )
        found = [Part("database", "ok", "PostgreSQL answers."), self.redis, loops]
        for probe in self.probes:
            state = {"ok": "ok", "off": "ok", "stale": "degraded", "down": "degraded"}[probe.state]
            found.append(Part(probe.name, state, probe.text))
        return found


def _names(ill: Sequence[LoopHealth]) -> str:
    shown = ", ".join(f"{item.name} {item.state}" for item in ill[:4])
    more = f" and {len(ill) - 4} more" if len(ill) > 4 else ""
    return f"{shown}{more}"


def redis_part() -> Part:
    """Whether the broker answers within 0.3 s; without it polls, checks and jobs pause, and nothing else."""
    if not settings.REDIS_URL:
        return Part("redis", "degraded", "REDIS_URL is not set: polls, checks and jobs do not run.")
    import redis  # its client alone costs every command of a shell half a second

    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    )
    try:
        client.ping()
    except (redis.RedisError, OSError):
        return Part("redis", "degraded", "Redis does not answer: polls, checks and jobs pause; all else goes on.")
    finally:
        client.close()
    return Part("redis", "ok", "Redis answers.")


def database_answers() -> bool:
    """Whether PostgreSQL answers a trivial question."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        return False


def summary(reading: Reading) -> Health:
    """The one word and sentence of the banner: dead loops and parked mail are the portal's, stale AWS degrades."""
    if reading.ill_loops:
        return Health("dead", f"{_names(reading.ill_loops)}. What it does is not happening.")
    if reading.findings:
        return Health("degraded", reading.findings[0].text)
    if reading.outbox.parked:
        return Health("degraded", f"{reading.outbox.parked} messages could not be delivered and are parked.")
    late = next((probe for probe in reading.probes if probe.state in ("stale", "down")), None)
    return Health("degraded", late.text) if late else Health("ok", "All loops run.")


_banner: tuple[float, Health] | None = None


def banner() -> Health:
    """The shell's health, read at most every 5 s in each process; never raises."""
    global _banner  # noqa: PLW0603 - a process-wide reading of 5 s is the point
    if _banner is not None and monotonic() - _banner[0] < BANNER_SECONDS:
        return _banner[1]
    try:
        health = summary(Reading())
    except DatabaseError:
        health = Health("dead", "The database does not answer.")
    _banner = (monotonic(), health)
    return health


def versions() -> list[tuple[str, str]]:
    """What runs here, for the portal-health page."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        row = cursor.fetchone()
    return [
        ("opsportal", _own_version()),
        ("Python", python_platform.python_version()),
        ("Django", django.get_version()),
        ("Celery", version("celery")),
        ("PostgreSQL", str(row[0]) if row else "?"),
    ]


def _own_version() -> str:
    import tomllib

    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
