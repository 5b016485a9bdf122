"""The one place that reads the clock.

Views, tasks, loops and commands call `now()` and pass it down as `at=`; nothing below them asks again.
`OPSPORTAL_CLOCK=<ISO start>@<rate>` (demo and tests only) runs the business clock from a given start at a
multiple of real time, alike in every process: the real instant that maps to the start is shared by
`OPSPORTAL_CLOCK_ORIGIN` (Unix seconds), which the supervisor sets once for all its children.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from functools import cache


class ClockSettingError(ValueError):
    """`OPSPORTAL_CLOCK` is not `<ISO start>@<rate>`."""


@cache
def _setting(text: str, origin: str) -> tuple[datetime, float, float]:
    start, _, rate = text.partition("@")
    try:
        begin = datetime.fromisoformat(start)
        factor = float(rate or "1")
        real_origin = float(origin) if origin else time.time()
    except ValueError as error:
        raise ClockSettingError(f"OPSPORTAL_CLOCK={text!r}: expected <ISO start>@<rate>.") from error
    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=UTC)
    return begin.astimezone(UTC), factor, real_origin


def real_now() -> datetime:
    """Real time, for leases, pulses, retries, time-outs and sessions."""
    return datetime.now(UTC)


def stamp() -> int:
    """Real time in ms since 1970: one number to compare what pages and streams of one portal know."""
    return time.time_ns() // 1_000_000


def now() -> datetime:
    """Business time as aware UTC; equals real time unless `OPSPORTAL_CLOCK` is set."""
    text = os.environ.get("OPSPORTAL_CLOCK")
    if not text:
        return real_now()
    start, rate, origin = _setting(text, os.environ.get("OPSPORTAL_CLOCK_ORIGIN", ""))
    return start + timedelta(seconds=(time.time() - origin) * rate)


def rate() -> float:
    """How many business seconds pass in a real one."""
    text = os.environ.get("OPSPORTAL_CLOCK")
    return _setting(text, os.environ.get("OPSPORTAL_CLOCK_ORIGIN", ""))[1] if text else 1.0
