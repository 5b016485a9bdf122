"""Whether logs arrive and are carried on: the newest line of each log group, what Firehose delivers (M-MET-12).

All of it is read from stored metrics of AWS/Logs and AWS/Firehose: no log is opened and nothing is scanned for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Q, QuerySet

from monitoring.models import AlarmRule, RuleTerm, ServiceMetric
from monitoring.selectors.points import unread_for
from monitoring.selectors.services import newest_values
from opsportal.core.actor import Actor

LOGS: Final = "AWS/Logs"
LINES: Final = "IncomingLogEvents"
FIREHOSE: Final = "AWS/Firehose"
AGE, SUCCESS = ".DataFreshness", ".Success"
MOST: Final = 400
_TOLD: Final = Q(namespace=LOGS, metric=LINES) | (
    Q(namespace=FIREHOSE) & (Q(metric__endswith=AGE) | Q(metric__endswith=SUCCESS))
)
USUAL: Final = timedelta(minutes=15)  # portal default: no guide says after how long silence is a fault
BACK: Final = timedelta(days=7)
BUCKET: Final = timedelta(minutes=5)
LATE_SECONDS: Final = 900.0  # Firehose holds a record back for 5 min at most; beyond this it does not get rid of it


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One log group of a service. `newest_at` is the end of the newest 5 minutes in which a line came in."""

    metric: ServiceMetric
    newest_at: datetime | None
    expected: timedelta
    rule: AlarmRule | None
    state: str
    why: str

    @property
    def name(self) -> str:
        return str(self.metric.dimensions.get("LogGroupName", ""))

    @property
    def expected_seconds(self) -> float:
        """How long silence may last."""
        return self.expected.total_seconds()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One figure of a Firehose stream: the age of its oldest record (s), or the share delivered."""

    metric: ServiceMetric
    value: float | None
    read_at: datetime | None
    state: str

    @property
    def stream(self) -> str:
        return str(self.metric.dimensions.get("DeliveryStreamName", ""))


@dataclass(frozen=True, slots=True)
class LogPipeline:
    """What takes logs in, and what carries them on; the worst first."""

    groups: Sequence[LogGroup]
    deliveries: Sequence[Delivery]
    is_cut: bool = False

    @property
    def state(self) -> str:
        """The worst of all; nothing read is not known, nor is what there are too many of to be looked at."""
        states = [row.state for row in self.groups] + [row.state for row in self.deliveries]
        states += ["unknown"] if self.is_cut else []
        return min(states, key=_WORST.index, default="unknown")


_WORST: Final = ("fail", "unknown", "stale", "ok")


def log_pipeline(actor: Actor, *, at: datetime, platform_id: int | None = None) -> LogPipeline:
    """The pipeline of the platforms the actor sees, at most `MOST` groups and figures."""
    rows = ServiceMetric.objects.visible_to(actor).of_platform(platform_id)
    return pipeline_of(rows, at=at)


def pipeline_of(metrics: QuerySet[ServiceMetric], *, at: datetime) -> LogPipeline:
    """The log groups and streams among these metrics."""
    found = metrics.filter(_TOLD).select_related("platform", "service", "series__account")
    rows = list(found.order_by("platform__name", "service__name", "position", "pk")[: MOST + 1])
    is_cut = len(rows) > MOST
    groups = [row for row in rows[:MOST] if row.namespace == LOGS]
    carried = [row for row in rows[:MOST] if row.namespace == FIREHOSE]
    newest, rules = _newest(groups, at), _rules(groups)
    values = newest_values(carried, at=at)
    judged = [_group(row, newest, rules, at) for row in groups]
    figures = []
    for row in carried:
        value = values.get(row.pk)
        figures.append(_delivery(row, value.value if value else None, value.ended_at if value else None, at))
    return LogPipeline(
        sorted(judged, key=lambda row: _WORST.index(row.state)),
        sorted(figures, key=lambda row: _WORST.index(row.state)),
        is_cut,
    )


def _newest(groups: Iterable[ServiceMetric], at: datetime) -> Mapping[int, datetime]:
    """The start of the newest 5 minutes with a line, by series; one query."""
    series = sorted({row.series_id for row in groups if row.series_id is not None})
    if not series:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id, (SELECT p.ts FROM monitoring_point_5m p WHERE p.series_id = s.id AND p.sum > 0"
            " AND p.ts >= %s AND p.ts < %s ORDER BY p.ts DESC LIMIT 1) FROM unnest(%s::int[]) AS s (id)",
            [at - BACK, at, series],
        )
        return {pk: ts.astimezone(UTC) for pk, ts in cursor.fetchall() if ts is not None}


def _rules(groups: Iterable[ServiceMetric]) -> Mapping[int, AlarmRule]:
    """The rule that watches each series for silence; where there are several, the one that allows the shortest."""
    series = {row.series_id for row in groups if row.series_id is not None}
    terms = RuleTerm.objects.filter(
        series__in=series, role="value", rule__enabled=True, rule__comparison__in=("lt", "le")
    )
    found: dict[int, AlarmRule] = {}
    for term in terms.select_related("rule").order_by("rule_id"):
        known = found.get(term.series_id)
        if known is None or _allowed(term.rule) < _allowed(known):
            found[term.series_id] = term.rule
    return found


def _allowed(rule: AlarmRule) -> timedelta:
    """How long silence may last by a rule."""
    return timedelta(seconds=rule.period * rule.window)


def _group(
    metric: ServiceMetric, newest: Mapping[int, datetime], rules: Mapping[int, AlarmRule], at: datetime
) -> LogGroup:
    rule = rules.get(metric.series_id or 0)
    expected = _allowed(rule) if rule else USUAL
    series = metric.series
    begun = newest.get(metric.series_id or 0)
    ended = min(begun + BUCKET, at) if begun else None
    if series is None or series.watermark is None:
        return LogGroup(metric, ended, expected, rule, "unknown", "It was not read yet.")
    if (unread := unread_for(series, at)) is not None:
        return LogGroup(metric, ended, expected, rule, "stale", f"Not read for {_minutes(unread)} min.")
    # What CloudWatch was asked about is judged, not the time since.
    if ended is None or series.watermark - ended > expected:
        since = f"for {_minutes(at - ended)} min" if ended else f"in {BACK.days} days"
        return LogGroup(metric, ended, expected, rule, "fail", f"No line {since}.")
    return LogGroup(metric, ended, expected, rule, "ok", "")


def _delivery(metric: ServiceMetric, value: float | None, read_at: datetime | None, at: datetime) -> Delivery:
    if metric.series is None or metric.series.watermark is None or value is None:
        return Delivery(metric, None, read_at, "unknown")
    if unread_for(metric.series, at) is not None:
        return Delivery(metric, value, read_at, "stale")
    is_late = value > LATE_SECONDS if metric.metric.endswith(AGE) else value < 1
    return Delivery(metric, value, read_at, "fail" if is_late else "ok")


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
