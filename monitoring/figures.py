"""The figure that a rule judges, period by period, straight from the stored points: one statement for any rule.

A share is bad events in per cent of all; no event at all is no figure. What is not stored is missing, never zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db import connection

from monitoring.missing import CARRIED, stands_for
from monitoring.selectors.points import TABLE_OF
from monitoring.store import STAT_COLUMNS, floor_to
from monitoring.thresholds import BASELINE_DAYS, Baseline, baseline

HOUR: Final = 3600
DAY: Final = 86400
COUNTED: Final = ("Sum", "SampleCount", "TC")  # a longer period holds more of them
# SQL: the statistic of a term `t` in a point `p`.
FIGURE: Final = (
    "CASE t.stat WHEN 'Average' THEN p.sum / nullif(p.n, 0) "
    + " ".join(f"WHEN '{stat}' THEN p.{column}" for stat, column in STAT_COLUMNS.items())
    + " END"
)


class BoundTerm(NamedTuple):
    """One series that a rule looks at: role value, bad or total; `missing` is what its empty periods mean."""

    role: str
    series_id: int
    stat: str
    missing: str = "gap"


def stored_figures(
    terms: Sequence[BoundTerm], *, period: int, start: datetime, end: datetime
) -> list[tuple[int, float]]:
    """(epoch second at which the period begins, figure), oldest first. `period` is 60 to 86400 s."""
    if not terms:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at, v FROM (SELECT extract(epoch FROM p.ts)::bigint AS at,"  # noqa: S608 - our own names
            f" coalesce(max({FIGURE}) FILTER (WHERE t.role = 'value'),"
            f" 100 * coalesce(sum({FIGURE}) FILTER (WHERE t.role = 'bad'), 0)"
            f" / nullif(sum({FIGURE}) FILTER (WHERE t.role = 'total'), 0)) AS v"
            " FROM unnest(%s::text[], %s::int[], %s::text[]) AS t (role, series_id, stat)"
            f" JOIN {TABLE_OF[period]} p ON p.series_id = t.series_id AND p.ts >= %s AND p.ts < %s"
            " GROUP BY p.ts) AS found WHERE v IS NOT NULL ORDER BY at",
            [*map(list, list(zip(*terms, strict=True))[:3]), floor_to(start, period), end],
        )
        return [(int(at), float(value)) for at, value in cursor.fetchall()]


class HourlyBaseline:
    """What is usual at an hour (UTC) by the same hour of the 28 days before it, as figures of `period` seconds."""

    def __init__(self, hours: Mapping[int, float]) -> None:
        self._hours = hours
        self._known: dict[int, Baseline | None] = {}

    def at(self, epoch: int) -> Baseline | None:
        """The baseline for the hour that holds this epoch second; None with fewer than 14 days."""
        hour = epoch - epoch % HOUR
        if hour not in self._known:
            self._known[hour] = baseline(self.days(hour))
        return self._known[hour]

    def days(self, epoch: int) -> list[float]:
        """The figures of the same hour on the days before, one a day."""
        hour = epoch - epoch % HOUR
        before = (self._hours.get(hour - DAY * back) for back in range(1, BASELINE_DAYS + 1))
        return [figure for figure in before if figure is not None]


def hourly_baseline(
    terms: Sequence[BoundTerm], *, period: int, start: datetime, end: datetime, at: datetime
) -> HourlyBaseline:
    """The baseline of every hour in [start, end), from the 1-hour roll-ups; the hour of `at` is not over."""
    first = start - timedelta(days=BASELINE_DAYS)
    hours = stored_figures(terms, period=HOUR, start=first, end=min(end, floor_to(at, HOUR)))
    # An hour's sum is that of many periods; a share, an average or a percentile is the same thing for any length.
    share = period / HOUR if terms and terms[0].role == "value" and terms[0].stat in COUNTED else 1.0
    return HourlyBaseline({hour: figure * share for hour, figure in hours})


def epochs(start: datetime, end: datetime, period: int) -> range:
    """The beginnings of the whole periods in [start, end), in epoch seconds."""
    first = int(floor_to(start, period).timestamp())
    return range(first, int(floor_to(end, period).timestamp()), period)


def moment(epoch: int) -> datetime:
    """An epoch second as an instant."""
    return datetime.fromtimestamp(epoch, UTC)


def laid_out(found: Iterable[tuple[int, float]], periods: range, term: BoundTerm) -> list[float | None]:
    """The figures in their periods, None where there is none; from the first on empty ones as the series wants them."""
    by_epoch = dict(found)
    raw = [by_epoch.get(at) for at in periods]
    if term.role != "value" or term.missing == "gap":
        return raw
    first = next((n for n, value in enumerate(raw) if value is not None), len(raw))
    return [
        stands_for(term.missing, term.stat, raw[max(0, n - CARRIED) : n]) if value is None and n > first else value
        for n, value in enumerate(raw)
    ]
