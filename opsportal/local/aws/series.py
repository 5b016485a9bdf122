"""A catalogue metric as a series of values: minute by minute, or five minutes at once where nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from opsportal.local.aws import rhythm
from opsportal.local.aws.faults import Effect
from opsportal.local.aws.metrics import Metric
from opsportal.local.aws.shapes import Errors, Latency, Level, Requests

MINUTE: Final = 60
_TREND_DAYS: Final = 90


class Spell(NamedTuple):
    """An effect over the half-open range of minutes since the epoch."""

    first: int
    after: int
    effect: Effect


class Summary(NamedTuple):
    """What CloudWatch knows of a stretch of time; for times also where their middle lay and of how many before."""

    number: float
    total: float
    low: float
    high: float
    median: float = 0.0
    before: int = 0


class Generator:
    """The values of one metric. What calm times look like is computed for many buckets at once."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.shape = metric.shape
        self._week = rhythm.week(metric.peak_hour, metric.weekend)
        # Requests, errors and times of one service are drawn from the same visitors.
        self._crowd = rhythm.salt(f"{metric.platform}/{metric.service}")
        name = f"{metric.platform}/{metric.service}/{metric.namespace}/{metric.name}"
        if metric.namespace != "AWS/ApplicationELB":
            # Seen for the whole load balancer or for a target group, it is the same event; elsewhere it is not.
            name += "/".join(value for _, value in metric.dimensions)
        self._own = rhythm.salt(name)

    def calm(self, buckets: range) -> Iterable[Summary | None]:
        """Return the summaries of whole buckets without any fault; None where there is no datapoint."""
        shape = self.shape
        if isinstance(shape, Level):
            levels = self._levels(buckets, shape)
            return [Summary(5, 5 * level, level - step, level + step) for level, step in levels]
        if isinstance(shape, Errors):
            return [Summary(n, n, 1.0, 1.0) if n else None for n in self._failures(buckets, shape)]
        counts = self._requests(buckets, shape.per_minute)
        if isinstance(shape, Requests):
            return [Summary(n, n, 1.0, 1.0) for n in counts]
        medians = self._medians(buckets, shape)
        return [Summary(n, 0.0, 0.0, 0.0, median) for n, median in zip(counts, medians, strict=True)]

    def calm_blocks(self, buckets: range, wide: int) -> Iterable[Summary | None]:
        """Return one summary for each `wide` whole buckets; counts and levels only, for plain statistics."""
        shape = self.shape
        starts = range(0, len(buckets), wide)
        if isinstance(shape, Level):
            levels = self._levels(buckets, shape)
            totals, lows, highs = [v for v, _ in levels], [v - s for v, s in levels], [v + s for v, s in levels]
            return [
                Summary(5 * wide, 5 * sum(totals[i : i + wide]), min(lows[i : i + wide]), max(highs[i : i + wide]))
                for i in starts
            ]
        assert not isinstance(shape, Latency)
        errors = isinstance(shape, Errors)
        counts = (
            self._failures(buckets, shape) if isinstance(shape, Errors) else self._requests(buckets, shape.per_minute)
        )
        sums = (sum(counts[i : i + wide]) for i in starts)
        return [Summary(n, n, 1.0, 1.0) if n or not errors else None for n in sums]

    def minutes(self, buckets: range) -> Iterator[tuple[int, Summary]]:
        """Yield (minute since the epoch, summary) of buckets without any fault."""
        shape = self.shape
        if isinstance(shape, Level):
            for bucket, (level, step) in zip(buckets, self._levels(buckets, shape), strict=True):
                for minute, offset in enumerate(rhythm.offsets(bucket, self._own), start=bucket * 5):
                    value = level + step * offset
                    yield minute, Summary(1, value, value, value)
            return
        latency = isinstance(shape, Latency)
        totals = (
            self._failures(buckets, shape) if isinstance(shape, Errors) else self._requests(buckets, shape.per_minute)
        )
        medians = self._medians(buckets, shape) if isinstance(shape, Latency) else [0.0] * len(totals)
        for bucket, total, median in zip(buckets, totals, medians, strict=True):
            before, minute = 0, bucket * 5
            for share in rhythm.shares(bucket, self._crowd)[1:]:
                upto = int(total * share)
                count = upto - before
                if latency and count:
                    yield minute, Summary(count, 0.0, 0.0, 0.0, median, before)
                elif count or isinstance(shape, Requests):
                    yield minute, Summary(count, count, 1.0, 1.0)
                before = upto
                minute += 1

    def troubled(self, bucket: int, spells: Sequence[Spell]) -> Iterator[tuple[int, Summary]]:
        """Yield the minutes of one bucket with the spells applied."""
        calm = dict(self.minutes(range(bucket, bucket + 1)))
        for number, minute in enumerate(range(bucket * 5, bucket * 5 + 5)):
            effects = [spell.effect for spell in spells if spell.first <= minute < spell.after]
            found = self._disturb(bucket, number, calm.get(minute), effects) if effects else calm.get(minute)
            if found is not None:
                yield minute, found

    def _disturb(self, bucket: int, number: int, calm: Summary | None, effects: Sequence[Effect]) -> Summary | None:
        shape = self.shape
        if isinstance(shape, Errors):
            share = rhythm.shares(bucket, self._crowd)
            total = self._requests(range(bucket, bucket + 1), shape.per_minute)[0]
            asked = int(total * share[number + 1]) - int(total * share[number])
            found = calm.number if calm else 0.0
            for effect in effects:
                found += int(asked * effect.amount + rhythm.dice(bucket * 5 + number, self._own))
            return Summary(found, found, 1.0, 1.0) if found else None
        if calm is None:
            return None
        value = calm.median if isinstance(shape, Latency) else calm.total
        for effect in effects:
            value = _apply(effect, value)
        if isinstance(shape, Latency):
            return calm._replace(median=value)
        if isinstance(shape, Requests):
            return Summary(int(value), int(value), 1.0, 1.0)
        value = min(shape.high, max(0.0, float(round(value)) if shape.whole else value))
        return Summary(1, value, value, value)

    def _requests(self, buckets: range, per_minute: float) -> list[int]:
        week, noise, mask = self._week, rhythm.noise(self._crowd), rhythm.NOISE_MASK
        mean = 5 * per_minute
        return [int(mean * week[b % 2016] * (1 + 0.035 * noise[b & mask])) for b in buckets]

    def _failures(self, buckets: range, shape: Errors) -> list[int]:
        noise, mask, own = rhythm.noise(self._own), rhythm.NOISE_MASK, self._own
        asked = self._requests(buckets, shape.per_minute)
        return [
            int(max(0.0, n * shape.ratio * (1 + 0.3 * noise[b & mask])) + rhythm.dice(b, own))
            for b, n in zip(buckets, asked, strict=True)
        ]

    def _medians(self, buckets: range, shape: Latency) -> list[float]:
        week, noise, mask, median = self._week, rhythm.noise(self._own), rhythm.NOISE_MASK, shape.median
        return [median * (0.88 + 0.12 * week[b % 2016] + 0.04 * noise[b & mask]) for b in buckets]

    def _levels(self, buckets: range, shape: Level) -> list[tuple[float, float]]:
        week, noise, mask = self._week, rhythm.noise(self._own), rhythm.NOISE_MASK
        swing, loud, calm = shape.base * shape.swing, shape.base * shape.noise, shape.base * (1 - shape.swing)
        levels = [calm + swing * week[b % 2016] + loud * noise[b & mask] for b in buckets]
        if shape.trend:
            a_day = rhythm.BUCKETS_A_DAY
            levels = [v + shape.trend * (b / a_day % _TREND_DAYS) for v, b in zip(levels, buckets, strict=True)]
        low, high, step = shape.low, shape.high, loud * 0.5
        if shape.whole:
            levels, step = [float(round(v)) for v in levels], float(round(step))
        return [
            (v, step) if low + step <= v <= high - step else (low if v < low else min(v, high), 0.0) for v in levels
        ]


def _apply(effect: Effect, value: float) -> float:
    if effect.how == "set":
        return effect.amount
    return value * effect.amount if effect.how == "multiply" else value + effect.amount


def summaries(
    generator: Generator, spells: Sequence[Spell], first: int, after: int, period: int, *, plain: bool = False
) -> Iterator[tuple[int, list[Summary]]]:
    """Yield (start in epoch seconds, the summaries of that period) for the minutes from `first` up to `after`.

    `first` is aligned to the period by the caller; the last period may still be incomplete. With `plain`
    only sums and extremes are wanted, so that a long period needs no summary of each of its buckets.
    """
    buckets = range(first // 5, (after + 4) // 5)
    touched = {b for s in spells for b in range(max(first, s.first) // 5, (min(after, s.after) + 4) // 5)}
    if after % 5:
        touched.add(after // 5)
    rows: Iterable[tuple[int, Summary]]
    if period % rhythm.BUCKET:
        rows = _by_minute(generator, spells, buckets, touched)
    elif plain and period > rhythm.BUCKET and not isinstance(generator.shape, Latency):
        rows = _by_block(generator, spells, buckets, touched, period // rhythm.BUCKET)
    else:
        rows = _by_bucket(generator, spells, buckets, touched)
    start, parts = -1, list[Summary]()
    for at, found in rows:
        # Minutes outside the interval belong to a bucket that only partly lies in it.
        if not first * MINUTE <= at < after * MINUTE:
            continue
        if at >= start + period:
            if parts:
                yield start, parts
            start, parts = at // period * period, [found]
        else:
            parts.append(found)
    if parts:
        yield start, parts


def _runs(buckets: range, touched: set[int]) -> Iterator[tuple[range, bool]]:
    """Yield the stretches of calm buckets, and each touched bucket alone."""
    start = buckets.start
    for bucket in sorted(touched & set(buckets)):
        if bucket > start:
            yield range(start, bucket), True
        yield range(bucket, bucket + 1), False
        start = bucket + 1
    if start < buckets.stop:
        yield range(start, buckets.stop), True


def _by_bucket(
    generator: Generator, spells: Sequence[Spell], buckets: range, touched: set[int]
) -> Iterator[tuple[int, Summary]]:
    for run, calm in _runs(buckets, touched):
        if calm:
            for bucket, found in zip(run, generator.calm(run), strict=True):
                if found is not None:
                    yield bucket * rhythm.BUCKET, found
        else:
            for minute, found in generator.troubled(run.start, spells):
                yield minute * MINUTE, found


def _by_block(
    generator: Generator, spells: Sequence[Spell], buckets: range, touched: set[int], wide: int
) -> Iterator[tuple[int, Summary]]:
    for run, calm in _runs(buckets, touched):
        start = min(run.stop, -(-run.start // wide) * wide)
        stop = max(start, run.stop // wide * wide)
        if not calm or start == stop:
            yield from _by_bucket(generator, spells, run, touched)
            continue
        yield from _by_bucket(generator, spells, range(run.start, start), touched)
        blocks = range(start, stop)
        for bucket, found in zip(blocks[::wide], generator.calm_blocks(blocks, wide), strict=True):
            if found is not None:
                yield bucket * rhythm.BUCKET, found
        yield from _by_bucket(generator, spells, range(stop, run.stop), touched)


def _by_minute(
    generator: Generator, spells: Sequence[Spell], buckets: range, touched: set[int]
) -> Iterator[tuple[int, Summary]]:
    for run, calm in _runs(buckets, touched):
        rows = generator.minutes(run) if calm else generator.troubled(run.start, spells)
        for minute, found in rows:
            yield minute * MINUTE, found
