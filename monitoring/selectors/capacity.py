"""Where the metrics of services are heading, beside what the guides assume and allow (M-GOV-04)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from monitoring.capacity import Reached, TooFewDaysError, Trend, backtest, reached, trend
from monitoring.models import AlarmRule, Measure, Resource, ResourceKind, RuleTerm, ServiceMetric
from monitoring.selectors.points import Curve, Wanted, curves
from monitoring.store import floor_to
from opsportal.core.actor import Actor
from opsportal.platforms.declared import DeclaredPolicy, declared_policy

DAYS_BACK: Final = timedelta(days=90)
SILENT: Final = timedelta(days=3)  # a line that ends before this says nothing of today
METRICS: Final = 100
GROUP: Final = "capacity"
# What a metric measures, in the words of the guides' figures: `cpu_average_percent`, `storage_growth_percent`…
SUBJECTS: Final = {
    "CPUUtilization": "cpu",
    "MemoryUtilization": "memory",
    "RequestCount": "transactions",
    "DatabaseConnections": "connections",
    "FreeStorageSpace": "storage",
    "VolumeBytesUsed": "storage",
    "ActiveUsers": "users",
}
LIMITS: Final = {
    "average_percent": "average the guide allows",
    "peak_percent": "peak the guide allows",
    "scaling_percent": "scales out",
    "vertical_percent": "needs larger machines",
    "most": "most the guide allows",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that should not be passed, where it comes from, and when it is reached (None: no trend)."""

    value: float
    name: str
    source: str
    above: bool
    when: Reached | None


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """A metric's trend over whole days, or why there is none; growth as shares of one a year."""

    metric: ServiceMetric
    stat: str
    line: Trend | None
    refused: str
    missed: float | None
    limits: Sequence[Limit]
    assumed: Sequence[tuple[float, str]]
    days: Sequence[tuple[date, float]] = field(repr=False)

    @property
    def nearest(self) -> Limit | None:
        """The limit reached first."""
        near = [(limit.when.expected, n) for n, limit in enumerate(self.limits) if limit.when and limit.when.expected]
        return self.limits[min(near)[1]] if near else None


@dataclass(frozen=True, slots=True)
class ScalingRow:
    """A live ECS service beside the number of tasks its guide allows."""

    resource: Resource
    wanted: int
    running: int
    least: int
    most: int
    source: str

    @property
    def state(self) -> str:
        """At its end there is no room left for a rise."""
        if not self.least <= self.wanted <= self.most:
            return "fail"
        return "warn" if self.wanted == self.most else "ok"


@dataclass(frozen=True, slots=True)
class VerticalRow:
    """The vertical rule on one metric: on how many of the last days its average stood over the limit."""

    metric: ServiceMetric
    limit: float
    over: int
    known: int
    asked: int
    source: str

    @property
    def state(self) -> str:
        if self.known < self.asked:
            return "unknown"
        return "fail" if self.over == self.asked else "ok"


@dataclass(frozen=True, slots=True)
class Capacity:
    """The page's parts; `policies` are the guides' own words."""

    rows: Sequence[CapacityRow]
    total: int
    scaling: Sequence[ScalingRow]
    vertical: Sequence[VerticalRow]
    policies: Sequence[DeclaredPolicy]


def capacity(actor: Actor, *, at: datetime, platform_id: int | None = None) -> Capacity:
    """Trends of whole days up to yesterday (UTC), those that reach a limit soonest first. Six queries."""
    found = ServiceMetric.objects.visible_to(actor).of_platform(platform_id)
    found = found.filter(series__isnull=False, metric__in=SUBJECTS).select_related("series", "service__platform")
    total = found.count()
    metrics = list(found.order_by("platform_id", "service__key", "position", "pk")[:METRICS])
    policies = declared_policy(sorted({metric.platform_id for metric in metrics}), GROUP)
    rules, today = _rules(metrics), floor_to(at, 86400)
    levels, peaks = _daily(metrics, today)
    rows = [
        _row(metric, (days, highest), rules[metric.series_id or 0], _of(policies, metric.platform_id), today.date())
        for metric, days, highest in zip(metrics, levels, peaks, strict=True)
    ]
    soonest = sorted(rows, key=lambda row: (_soon(row), row.metric.platform_id, row.metric.pk))
    return Capacity(soonest, total, _scaling(policies), _vertical(rows, policies, today.date()), policies)


def _soon(row: CapacityRow) -> date:
    near = row.nearest
    return near.when.expected if near and near.when and near.when.expected else date.max


def _of(policies: Iterable[DeclaredPolicy], platform_id: int) -> list[DeclaredPolicy]:
    return [policy for policy in policies if policy.platform_id == platform_id]


def _stat(metric: ServiceMetric) -> str:
    """Totals of a day for what is counted, its average for what is a level."""
    return "Sum" if SUBJECTS[metric.metric] == "transactions" else "Average"


def _daily(metrics: Sequence[ServiceMetric], today: datetime) -> tuple[list[Curve], list[Curve]]:
    """Of each metric the days' own figures, and their highest values, which limits of peaks are held against."""
    wanted = [Wanted(metric.series, _stat(metric)) for metric in metrics if metric.series is not None]
    wanted += [Wanted(one.series, "Maximum") for one in wanted]
    found = curves(wanted, [86400] * len(wanted), today - DAYS_BACK, today)
    return found[: len(metrics)], found[len(metrics) :]


def _rules(metrics: Sequence[ServiceMetric]) -> Mapping[int, list[AlarmRule]]:
    rules: dict[int, list[AlarmRule]] = defaultdict(list)
    series = {metric.series_id for metric in metrics}
    terms = RuleTerm.objects.filter(series__in=series, role="value", rule__enabled=True).select_related("rule")
    for term in terms.order_by("rule__key", "pk"):
        rules[term.series_id].append(term.rule)
    return rules


def _line(days: Sequence[tuple[date, float]], today: date) -> tuple[Trend | None, str]:
    """The trend of days that reach to the present, or why there is none."""
    try:
        line = trend(days)
    except TooFewDaysError as error:
        return None, str(error)
    return (None, f"Silent since {line.last:%d %b %Y}.") if line.last < today - SILENT else (line, "")


def _row(
    metric: ServiceMetric,
    figures: tuple[Curve, Curve],
    rules: Sequence[AlarmRule],
    policies: Sequence[DeclaredPolicy],
    today: date,
) -> CapacityRow:
    days, highest = ([(ts.date(), value) for ts, value in curve] for curve in figures)
    stat, subject = _stat(metric), SUBJECTS[metric.metric]
    line, refused = _line(days, today)
    named = [
        (rule.threshold, f"alarm {rule.name}", rule.source_text, rule.comparison in ("gt", "ge"))
        for rule in rules
        if stat == "Average" and rule.measure == Measure.VALUE and rule.stat in ("Average", "Maximum")
    ]
    named += [
        (policy.figures[f"{subject}_{key}"], words, policy.source, True)
        for policy in policies
        for key, words in LIMITS.items()
        if f"{subject}_{key}" in policy.figures and not metric.namespace.startswith("AWS/RDS")
    ]
    peak = LIMITS["peak_percent"]
    of_peaks = _line(highest, today)[0] if any(name == peak for _, name, _, _ in named) else None
    limits = [
        Limit(*one, reached(own, one[0], above=one[3]) if own else None)
        for one in dict.fromkeys(named)
        for own in [of_peaks if one[1] == peak else line]
    ]
    key = f"{subject}_growth_percent"
    assumed = [(policy.figures[key] / 100, policy.source) for policy in policies if key in policy.figures]
    return CapacityRow(metric, stat, line, refused, backtest(days) if line else None, limits, assumed, days)


def _scaling(policies: Sequence[DeclaredPolicy]) -> list[ScalingRow]:
    bounds = {policy.platform_id: policy for policy in policies if {"tasks_min", "tasks_max"} <= set(policy.figures)}
    rows = Resource.objects.filter(platform__in=bounds, kind=ResourceKind.ECS_SERVICE).select_related(
        "platform", "service"
    )
    return [
        ScalingRow(
            row, int(row.data.get("desired", 0)), int(row.data.get("running", 0)),
            int(bounds[row.platform_id or 0].figures["tasks_min"]),
            int(bounds[row.platform_id or 0].figures["tasks_max"]), bounds[row.platform_id or 0].source,
        )
        for row in rows.order_by("platform_id", "identifier")[:METRICS]
    ]  # fmt: skip


def _vertical(rows: Sequence[CapacityRow], policies: Sequence[DeclaredPolicy], today: date) -> list[VerticalRow]:
    found = []
    for row in rows:
        key = f"{SUBJECTS[row.metric.metric]}_vertical_percent"
        for policy in _of(policies, row.metric.platform_id):
            if key in policy.figures and not row.metric.namespace.startswith("AWS/RDS"):
                asked = int(policy.figures.get("vertical_days", 7))
                last = [value for day, value in row.days if day >= today - timedelta(days=asked)]
                over = sum(value > policy.figures[key] for value in last)
                found.append(VerticalRow(row.metric, policy.figures[key], over, len(last), asked, policy.source))
    return found
