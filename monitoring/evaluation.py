"""Judging rules by the stored points: period after period since the last time, each change an event row.

Going on from `evaluated_until` makes it repeatable: a pass that died is simply made again, and an outage of the portal
does not swallow an alarm that came and went meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

from monitoring.figures import BoundTerm, HourlyBaseline, hourly_baseline
from monitoring.missing import CARRIED, filled
from monitoring.models import Alarm, AlarmOrigin, AlarmRule, AwsAccount, Measure, RuleTerm
from monitoring.services.alarms import alarm_transition
from monitoring.store import STAT_COLUMNS, TABLES, floor_to
from monitoring.thresholds import BASELINE_LEAST, Judgement, State, Threshold, describe, deviation, judge
from opsportal.core.formats import number

GRACE: Final = timedelta(minutes=3)  # how late a datapoint may be before its absence counts
CATCH_UP: Final = timedelta(hours=1)  # older periods are not judged any more

_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

PointKey = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one rule is judged by: its terms, the points they share with other rules, its baseline if it has one."""

    terms: Sequence[BoundTerm]
    points: Mapping[PointKey, Sequence[float | None]]
    usual: HourlyBaseline | None

    def figures(self, starts: Sequence[datetime], step: timedelta) -> tuple[list[float | None], bool]:
        """The figures of these periods, and whether the newest is a datapoint of its own.

        A single statistic is filled as its series wants it; a share counts what is absent as no events anyway.
        """
        first, term = starts[0], self.terms[0]
        more = CARRIED if term.missing == "carry" else 0
        raw = [_value(self.terms, self.points, first - step * n) for n in range(more, 0, -1)]
        raw += [_value(self.terms, self.points, ts) for ts in starts]
        is_whole = raw[-1] is not None
        if term.role == "value":
            raw = filled(raw, policy=term.missing, stat=term.stat)
        return raw[more:], is_whole

    def score(self, rule: AlarmRule, ts: datetime, figure: float | None) -> float | None:
        """What the limits are compared with; None too where a baseline is still too young."""
        if self.usual is None or figure is None:
            return figure
        usual = self.usual.at(int(ts.timestamp()))
        return deviation(figure, usual, rule.measure) if usual is not None else None


def threshold_of(rule: AlarmRule) -> Threshold:
    """The rule as the pure judge wants it. Raises ThresholdError."""
    return Threshold(
        comparison=rule.comparison,
        value=rule.threshold,
        datapoints=rule.datapoints,
        window=rule.window,
        clear_value=rule.clear_threshold,
        missing=rule.missing,
        warning=rule.warn_threshold,
        opposite=rule.opposite_threshold,
        opposite_warning=rule.opposite_warn,
        clear_periods=rule.clear_periods,
    )


def evaluate_account(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Judge every rule whose series live in this account and region; returns how many changed state."""
    rules: dict[int, AlarmRule] = {}
    terms: dict[int, list[BoundTerm]] = defaultdict(list)
    read_to: dict[int, datetime] = {}
    bound = RuleTerm.objects.filter(
        rule__enabled=True, series__account=account, series__region=region, series__enabled=True
    )
    for term in bound.select_related("rule", "series").order_by("rule_id", "pk"):
        rules[term.rule_id] = term.rule
        terms[term.rule_id].append(BoundTerm(term.role, term.series_id, term.stat, term.series.missing))
        # Beyond what was asked about in full nothing is judged: not knowing is neither ok nor alarm.
        watermark = term.series.watermark or _NEVER
        read_to[term.rule_id] = min(read_to.get(term.rule_id, at), watermark)
    alarms = _alarms_of(rules.values(), at)
    changed = 0
    for period in sorted({rule.period for rule in rules.values()}):
        group = [rule for rule in rules.values() if rule.period == period]
        series = {term.series_id for rule in group for term in terms[rule.pk]}
        longest = max(threshold_of(rule).reach for rule in group) + CARRIED
        points = _points(series, period, at - CATCH_UP - GRACE - timedelta(seconds=period * (longest + 1)), at)
        for rule in group:
            judged = _Judged(terms[rule.pk], points, _usual(rule, terms[rule.pk], at))
            changed += _judge_rule(rule, alarms[rule.pk], judged, read_to[rule.pk], at)
    return changed


def _usual(rule: AlarmRule, terms: Sequence[BoundTerm], at: datetime) -> HourlyBaseline | None:
    """The baseline of the hours a pass can still judge."""
    if rule.measure == Measure.VALUE:
        return None
    first = at - CATCH_UP - timedelta(seconds=rule.period * (threshold_of(rule).reach + 1))
    return hourly_baseline(terms, period=rule.period, start=first, end=at, at=at)


def _alarms_of(rules: Iterable[AlarmRule], at: datetime) -> dict[int, Alarm]:
    """The alarm row of each rule, made or brought up to the rule's present text."""
    rules = list(rules)
    found = {alarm.rule_id or 0: alarm for alarm in Alarm.objects.filter(rule__in=rules)}
    for rule in rules:
        values = {
            "name": rule.name,
            "service_id": rule.service_id,
            "severity_id": rule.severity_id,
            "signal": rule.signal,
            "opens_incident": rule.opens_incident,
        }
        alarm = found.get(rule.pk)
        if alarm is None:
            found[rule.pk], _ = Alarm.objects.get_or_create(
                platform_id=rule.platform_id,
                origin=AlarmOrigin.RULE,
                key=rule.key,
                defaults={**values, "rule": rule, "since": at},
            )
        elif any(getattr(alarm, name) != value for name, value in values.items()):
            Alarm.objects.filter(pk=alarm.pk).update(**values)
            alarm.refresh_from_db()
    return found


def _points(
    series_ids: Iterable[int], period: int, start: datetime, end: datetime
) -> Mapping[PointKey, tuple[float, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT series_id, ts, n, sum, min, max, p50, p95, p99, below FROM {TABLES[period]}"  # noqa: S608 - our table
            " WHERE series_id = ANY(%s) AND ts >= %s AND ts < %s",
            [sorted(series_ids), start, end],
        )
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


_ORDER: Final = ("n", "sum", "min", "max", "p50", "p95", "p99", "below")


def _stat(point: Sequence[float | None] | None, stat: str) -> float | None:
    if point is None:
        return None
    if stat == "Average":
        count, total = point[0], point[1]
        return total / count if count and total is not None else None
    return point[_ORDER.index(STAT_COLUMNS[stat])]


def _value(terms: Sequence[BoundTerm], points: Mapping[PointKey, Sequence[float | None]], ts: datetime) -> float | None:
    """The figure of one period: the statistic, or bad events in per cent of all; no event at all is no figure."""
    if terms[0].role == "value":
        return _stat(points.get((terms[0].series_id, ts)), terms[0].stat)
    total = bad = 0.0
    for term in terms:
        figure = _stat(points.get((term.series_id, ts)), term.stat) or 0.0
        total += figure if term.role == "total" else 0.0
        bad += figure if term.role == "bad" else 0.0
    return 100 * bad / total if total > 0 else None


def _judge_rule(rule: AlarmRule, alarm: Alarm, judged: _Judged, read_to: datetime, at: datetime) -> int:
    """Judge every whole period since the last time; returns how many changes."""
    step = timedelta(seconds=rule.period)
    newest_end = floor_to(read_to, rule.period)
    # Until something is judged it begins where the rule did, not at the newest point: what was stored by a pass that
    # was killed before it judged is then still ahead of the next one.
    first_end = alarm.evaluated_until + step if alarm.evaluated_until else floor_to(alarm.since, rule.period)
    first_end = max(first_end, floor_to(at - CATCH_UP, rule.period))
    threshold, state, changes = threshold_of(rule), alarm.state, 0
    last: tuple[datetime, float | None] | None = None
    unknown = ""  # why nothing can be said, as of the newest period
    ends_at = first_end
    while ends_at <= newest_end:
        starts = [ends_at - step * back for back in range(threshold.reach, 0, -1)]
        figures, is_whole = judged.figures(starts, step)
        waits = rule.missing in ("missing", "ignore") or figures[-1] is not None
        if not is_whole and at - ends_at < GRACE and waits:
            break  # it may still come; the next pass goes on from here
        scores = [judged.score(rule, ts, figure) for ts, figure in zip(starts, figures, strict=True)]
        judgement = judge(threshold, scores, _state(state))
        if scores[-1] is None and figures[-1] is not None:
            # There is a figure and nothing to hold it against: neither fine nor missing.
            judgement = Judgement("unknown", 0, 0, None)
        newest = next((figure for figure in reversed(figures[-threshold.window :]) if figure is not None), None)
        last = (ends_at, newest)
        is_unknown = judgement.state == "unknown"
        unknown = _reason(rule, threshold, judgement, newest, judged, starts[-1]) if is_unknown else ""
        if judgement.state != state:
            reason = unknown or _reason(rule, threshold, judgement, newest, judged, starts[-1])
            changes += _change(rule, alarm, judgement, figures[-threshold.window :], newest, reason, ends_at, at)
            state = judgement.state
        ends_at += step
    if last is not None:
        values: dict[str, object] = {"value": last[1]} if last[1] is not None else {}
        values |= {"reason": unknown} if unknown else {}
        Alarm.objects.filter(pk=alarm.pk).update(evaluated_until=last[0], fetched_at=at, **values)
    return changes


def _state(word: str) -> State:
    return word if word in ("ok", "warning", "alarm") else "unknown"  # type: ignore[return-value]


def limits_text(rule: AlarmRule) -> str:
    """The rule's limits in one line, as its alarm's events say them."""
    stat = rule.stat if "value" in rule.indicator else "Share"
    unit = rule.limit_unit if "value" in rule.indicator or rule.measure != Measure.VALUE else "%"
    return describe(threshold_of(rule), stat=stat, period=rule.period, unit=unit)


def _reason(
    rule: AlarmRule,
    threshold: Threshold,
    judgement: Judgement,
    newest: float | None,
    judged: _Judged,
    ts: datetime,
) -> str:
    unit = rule.unit if "value" in rule.indicator else "%"
    epoch = int(ts.timestamp())
    if judgement.state == "unknown":
        if newest is not None and judged.usual is not None:
            return f"The baseline of this hour has {len(judged.usual.days(epoch))} of {BASELINE_LEAST} days."
        return f"No datapoint in {threshold.window} × {rule.period} s."
    usual = judged.usual.at(epoch) if judged.usual else None
    beside = f", usual at this hour {number(usual.median, unit)} ({usual.days} days)" if usual else ""
    return f"{number(newest, unit)}{beside}; the rule: {limits_text(rule)}."


def _change(
    rule: AlarmRule,
    alarm: Alarm,
    judgement: Judgement,
    figures: Sequence[float | None],
    newest: float | None,
    reason: str,
    ends_at: datetime,
    at: datetime,
) -> int:
    with transaction.atomic():
        made = alarm_transition(
            alarm=alarm,
            to_state=judgement.state,
            at=ends_at,
            recorded_at=at,
            value=newest if judgement.state != "unknown" else None,
            reason=reason,
            data={"rule_version": rule.version, "threshold": rule.threshold, "values": list(figures)},
        )
    return int(made is not None)
