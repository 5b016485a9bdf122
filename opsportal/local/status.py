"""`manage.py status`: services, loops, versions, ports and last errors of one data folder."""

import json
import os
import time
from typing import Any

import psycopg

from opsportal.local.environment import Home
from opsportal.local.lock import running
from opsportal.local.terminal import say, table

CONNECT_SECONDS = 2
LOOPS = """
SELECT name, extract(epoch FROM now() - pulse_at)::float8, every, "limit", failures, last_error
FROM schedule_looppulse ORDER BY name
"""


def print_status(home: Home) -> int:
    """Print the tables; exit status 0 when the stack runs and all its services are ready, else 1."""
    holder = running(home)
    state = _state(home)
    if holder is None:
        say(f"No stack runs on {home.path}.")
        return 1
    versions = "  ".join(f"{name} {number}" for name, number in state.get("versions", {}).items())
    say(f"http://127.0.0.1:{holder.port}  pid {holder.pid}  {home.path}")
    if state.get("aws_port"):
        say(f"simulated AWS on port {state['aws_port']}")
    say(versions)
    say()
    services = state.get("services", [])
    heading = ("service", "state", "pid", "up", "restarts", "last error")
    for line in table([heading, *(_service_row(service) for service in services)]):
        say(line)
    say()
    for line in _loop_lines(home):
        say(line)
    return int(any(service["state"] != "ready" for service in services))


def _state(home: Home) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(home.state.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _service_row(service: dict[str, Any]) -> tuple[str, ...]:
    up = f"{time.time() - service['started_at']:.0f} s" if service["pid"] else "-"
    pid = str(service["pid"] or "-")
    return (service["name"], service["state"], pid, up, str(service["restarts"]), service["last_error"] or "-")


def _loop_lines(home: Home) -> list[str]:
    url = os.environ.get("DATABASE_URL") or home.load_environment().get("DATABASE_URL", "")
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            found = connection.execute(LOOPS).fetchall()
    except psycopg.Error as error:
        return [f"The loops cannot be read: {str(error).strip().splitlines()[0]}"]
    rows = [
        (
            name,
            "late" if float(age) > every + limit else "fresh",
            f"{float(age):.0f} s ago",
            str(failures),
            error or "-",
        )
        for name, age, every, limit, failures, error in found
    ]
    return list(table([("loop", "state", "pulse", "failures", "last error"), *rows]))
