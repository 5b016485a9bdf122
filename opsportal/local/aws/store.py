"""Datapoints that a client has put: indexed by account, region, namespace, name and dimensions."""

from __future__ import annotations

import bisect
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from opsportal.local.aws import statistics
from opsportal.local.aws.series import Summary

SeriesKey = tuple[str, str, str, str, frozenset[tuple[str, str]]]


class Datum(NamedTuple):
    """One put: single values with counts, or only their summary."""

    at: float
    values: tuple[tuple[float, float], ...]
    summary: Summary


@dataclass(slots=True)
class StoredSeries:
    """The data of one metric in order of time."""

    unit: str = "None"
    data: list[Datum] = field(default_factory=list)

    def between(self, start: float, end: float) -> list[Datum]:
        first = bisect.bisect_left(self.data, start, key=lambda datum: datum.at)
        return self.data[first : bisect.bisect_left(self.data, end, key=lambda datum: datum.at)]


class SeriesStore:
    """All series that were put. Safe to use from several threads."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, StoredSeries] = defaultdict(StoredSeries)
        self._lock = threading.Lock()

    def put(self, key: SeriesKey, datum: Datum, unit: str) -> None:
        with self._lock:
            series = self._series[key]
            series.unit = unit
            bisect.insort(series.data, datum, key=lambda row: row.at)

    def get(self, key: SeriesKey) -> StoredSeries | None:
        with self._lock:
            return self._series.get(key)

    def keys(self, account: str, region: str) -> list[SeriesKey]:
        with self._lock:
            return [key for key in self._series if key[:2] == (account, region)]


def aggregate(stat: str, data: list[Datum]) -> float | None:
    """Return the statistic of one period's data; None where CloudWatch gives no datapoint."""
    if not data:
        return None
    parts = [datum.summary for datum in data]
    plain = statistics.plain(stat)
    if plain is not None:
        return plain(parts)
    return statistics.of_values(stat, [value for datum in data for value in datum.values])
