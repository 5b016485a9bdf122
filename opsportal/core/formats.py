"""How values read on a page: durations, numbers, shares, times. Pure text, no HTML, no clock."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.utils.timezone import get_current_timezone, localtime

NBSP: Final = "\N{NO-BREAK SPACE}"
MINUS: Final = "\N{MINUS SIGN}"
DASH: Final = "\N{EN DASH}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# Below how many seconds `duration` shows steps of how many.
_SHOWN_STEPS: Final = ((_MINUTE, 1), (10 * _HOUR, _MINUTE), (10 * _DAY, _HOUR), (math.inf, _DAY))
_BYTE_STEPS: Final = ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB"))
# CloudWatch's unit names as people write them.
_UNITS: Final = {
    "Percent": "%",
    "Count": "",
    "None": "",
    "Seconds": "s",
    "Milliseconds": "ms",
    "Microseconds": "µs",
    "Count/Second": "/s",
    "Bytes/Second": "B/s",
}


def _seconds(value: timedelta | float) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def duration(value: timedelta | float | None) -> str:
    """A span in its two largest units: `42 s`, `32 min`, `2 h 05 min`, `3 d 4 h`. Numbers are seconds."""
    if value is None:
        return DASH
    seconds = _seconds(value)
    sign, seconds = (MINUS, -seconds) if seconds < 0 else ("", seconds)
    if seconds < _MINUTE:
        text = f"{int(seconds)}{NBSP}s"
    elif seconds < _HOUR:
        text = f"{int(seconds // _MINUTE)}{NBSP}min"
    elif seconds < _DAY:
        hours, minutes = divmod(int(seconds // _MINUTE), 60)
        text = f"{hours}{NBSP}h" + (f"{NBSP}{minutes:02d}{NBSP}min" if minutes and hours < 10 else "")
    else:
        days, hours = divmod(int(seconds // _HOUR), 24)
        text = f"{days}{NBSP}d" + (f"{NBSP}{hours}{NBSP}h" if hours and days < 10 else "")
    return sign + text


def duration_within(value: timedelta | float | None) -> str:
    """A span that others are within, as `duration` shows it but rounded up: what is shown is never kept by fewer."""
    if value is None:
        return DASH
    seconds = math.ceil(_seconds(value))
    step = next(step for below, step in _SHOWN_STEPS if seconds < below)
    return duration(-(-seconds // step) * step)


def duration_exact(value: timedelta | float) -> str:
    """A span to the second, for the rows behind a figure, which was rounded one way or the other: `21 d 14 h 5 min`."""
    left, parts = int(_seconds(value)), list[str]()
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        count, left = divmod(left, size)
        parts += [f"{count}{NBSP}{unit}"] if count else []
    return NBSP.join(parts) or f"0{NBSP}s"


def stopwatch(value: timedelta | float | None) -> str:
    """A running clock: `02:41` (minutes and seconds), from one hour on `47:27 h`, negative with a minus."""
    if value is None:
        return DASH
    seconds = _seconds(value)
    sign, whole = (MINUS, int(-seconds)) if seconds < 0 else ("", int(seconds))
    if whole < _HOUR:
        return f"{sign}{whole // 60:02d}:{whole % 60:02d}"
    return f"{sign}{whole // _HOUR}:{whole % _HOUR // 60:02d}{NBSP}h"


def number(value: float | None, unit: str = "", digits: int | None = None) -> str:
    """A number with thousands separators and its unit: `1,204`, `420 ms`, `14.2 GB`, `1.9 %`.

    `unit` is CloudWatch's name or free text; `digits` fixes the decimals, else three figures are kept.
    """
    if value is None or not math.isfinite(value):
        return DASH
    if unit == "Bytes":
        step, name = next(((s, n) for s, n in _BYTE_STEPS if abs(value) >= s), (1, "B"))
        value, unit = value / step, name
    else:
        unit = _UNITS.get(unit, unit)
    if digits is None:
        digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    if "." in text and digits <= 2 and unit != "%":
        text = text.rstrip("0").rstrip(".")
    text = text.replace("-", MINUS)
    return f"{text}{NBSP}{unit}" if unit else text


def percent(share: float | None, digits: int | None = None) -> str:
    """A share of one as per cent: 0.0193 → `1.9 %`, 0.99931 → `99.931 %` (never rounded up to 100)."""
    if share is None or not math.isfinite(share):
        return DASH
    value = share * 100
    if digits is None:
        digits = 3 if 99 <= value < 100 else 0 if value in (0, 100) else 1
    factor = 10**digits
    # 99.9996 % must not read as 100 %: attained figures are cut, not rounded.
    shown = math.floor(value * factor + 1e-9) / factor if 99 <= value < 100 else value
    return f"{shown:,.{digits}f}{NBSP}%".replace("-", MINUS)


def stamp(value: datetime | None) -> str:
    """The exact time in the reader's zone, with the zone: `2026-11-18 08:52:07 UTC`."""
    if value is None:
        return DASH
    local = localtime(value)
    return local.strftime(f"%Y-%m-%d %H:%M:%S{NBSP}%Z")


def iso(value: datetime) -> str:
    """The `datetime` attribute: UTC to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(value: datetime | None, now: datetime) -> str:
    """A point in time as short as it stays clear: `09:24`, `Tue 18:04`, `19 Oct`, `19 Oct 2025`."""
    if value is None:
        return DASH
    zone = get_current_timezone()
    local, today = value.astimezone(zone), now.astimezone(zone)
    days = abs(local.toordinal() - today.toordinal())
    if days == 0:
        return f"{local.hour:02}:{local.minute:02}"
    if days < 7:
        return f"{local:%a %H:%M}"
    return day(local.date()) if local.year != today.year else f"{local.day}{NBSP}{local:%b}"


def ago(value: datetime | None, now: datetime) -> str:
    """How far away: `32 min`, `15 h`, `4 d`; a future time gets `in `."""
    if value is None:
        return DASH
    seconds = (now - value).total_seconds()
    future, seconds = seconds < -1, abs(seconds)
    if seconds < _MINUTE:
        text = "now" if seconds < 5 else f"{int(seconds)}{NBSP}s"
    elif seconds < _HOUR:
        text = f"{int(seconds // _MINUTE)}{NBSP}min"
    elif seconds < 2 * _DAY:
        text = f"{int(seconds // _HOUR)}{NBSP}h"
    elif seconds < 60 * _DAY:
        text = f"{int(seconds // _DAY)}{NBSP}d"
    else:
        text = f"{int(seconds // (30 * _DAY))}{NBSP}mo"
    return f"in{NBSP}{text}" if future and text != "now" else text


def day(value: date | datetime | None) -> str:
    """A date: `18 Nov 2026`."""
    if value is None:
        return DASH
    local = localtime(value).date() if isinstance(value, datetime) else value
    return f"{local.day}{NBSP}{local:%b}{NBSP}{local:%Y}"


def long_day(value: datetime) -> str:
    """The date a page is headed with: `Wed 18 Nov 2026`."""
    local = localtime(value)
    return f"{local:%a} {local.day} {local:%b} {local:%Y}"


def hour(value: datetime | None) -> str:
    """Local time of day: `09:24`."""
    return DASH if value is None else f"{localtime(value):%H:%M}"


def zone_name(value: datetime) -> str:
    """The zone a time is shown in: `UTC`, `CET`."""
    return localtime(value).strftime("%Z")


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 item`, `4 items`, `0 entries`."""
    return f"{count:,}{NBSP}{one if count == 1 else many or one + 's'}"
