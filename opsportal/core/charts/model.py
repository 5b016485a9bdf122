"""What a chart is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Point = tuple[datetime, float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One curve. A None value, or a hole wider than twice the usual step, is drawn as a gap, never bridged.

    kind: `line` (the accent), `second` (dotted, quiet), `ideal` and `forecast` (dashed).
    """

    name: str
    points: Sequence[Point]
    kind: Literal["line", "second", "ideal", "forecast"] = "line"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit. The side where it is broken is tinted and carries an edge strip at the right."""

    value: float
    kind: Literal["warn", "crit"] = "crit"
    above: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A moment: an incident's start (red), a deployment (triangle), or any event."""

    at: datetime
    label: str
    kind: Literal["incident", "deploy", "event", "now"] = "event"


@dataclass(frozen=True, slots=True)
class Band:
    """A span of time behind the curve: a maintenance window, one without data (hatched), or one beyond a limit."""

    start: datetime
    end: datetime
    label: str = ""
    kind: Literal["maintenance", "nodata", "warning", "alarm"] = "maintenance"
