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

from monitoring.missing import CARRIED, filled
from monitoring.models import Alarm, AlarmOrigin, AlarmRule, AwsAccount, RuleTerm
from monitoring.services.alarms import alarm_transition
from monitoring.store import STAT_COLUMNS, TABLES, floor_to
from monitoring.thresholds import Judgement, State, Threshold, describe, judge
from opsportal.core.formats import number

GRACE: Final = timedelta(minutes=3)  # how late a datapoint may be before its absence counts
CATCH_UP: Final = timedelta(hours=1)  # older periods are not judged any more

_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)

PointKey = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class _Term:
    role: str
    series_id: int
    stat: str
    missing: str


def threshold_of(rule: AlarmRule) -> Threshold:
    """The rule as the pure judge wants it. Raises ThresholdError."""
    return Threshold(
        comparison=rule.comparison,
        value=rule.threshold,
        datapoints=rule.datapoints,
        window=rule.window,
        clear_value=rule.clear_threshold,
        missing=rule.missing,
    )


def evaluate_account(*, account: AwsAccount, region: str, at: datetime) -> int:
    """Judge every rule whose series live in this account and region; returns how many changed state."""
    rules: dict[int, AlarmRule] = {}
    terms: dict[int, list[_Term]] = defaultdict(list)
    read_to: dict[int, datetime] = {}
    bound = RuleTerm.objects.filter(
        rule__enabled=True, series__account=account, series__region=region, series__enabled=True
    )
    for term in bound.select_related("rule", "series").order_by("rule_id", "pk"):
        rules[term.rule_id] = term.rule
        terms[term.rule_id].append(_Term(term.role, term.series_id, term.stat, term.series.missing))
        # Beyond what was asked about in full nothing is judged: not knowing is neither ok nor alarm.
        watermark = term.series.watermark or _NEVER
        read_to[term.rule_id] = min(read_to.get(term.rule_id, at), watermark)
    alarms = _alarms_of(rules.values(), at)
    changed = 0
    for period in sorted({rule.period for rule in rules.values()}):
        group = [rule for rule in rules.values() if rule.period == period]
        series = {term.series_id for rule in group for term in terms[rule.pk]}
        longest = max(rule.window for rule in group) + CARRIED
        points = _points(series, period, at - CATCH_UP - GRACE - timedelta(seconds=period * (longest + 1)), at)
        for rule in group:
            changed += _judge_rule(rule, alarms[rule.pk], terms[rule.pk], points, read_to[rule.pk], at)
    return changed


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


def _value(terms: Sequence[_Term], points: Mapping[PointKey, Sequence[float | None]], ts: datetime) -> float | None:
    """The figure of one period: the statistic, or bad events in per cent of all; no event at all is no figure."""
    if terms[0].role == "value":
        return _stat(points.get((terms[0].series_id, ts)), terms[0].stat)
    total = bad = 0.0
    for term in terms:
        figure = _stat(points.get((term.series_id, ts)), term.stat) or 0.0
        total += figure if term.role == "total" else 0.0
        bad += figure if term.role == "bad" else 0.0
    return 100 * bad / total if total > 0 else None


def _values(
    terms: Sequence[_Term],
    points: Mapping[PointKey, Sequence[float | None]],
    ends_at: datetime,
    step: timedelta,
    window: int,
) -> tuple[list[float | None], bool]:
    """The figures of the last `window` periods, oldest first, and whether the newest is a datapoint of its own.

    A single statistic is filled as its series wants it; a share counts what is absent as no events anyway.
    """
    back = window + (CARRIED if terms[0].missing == "carry" else 0)
    raw = [_value(terms, points, ends_at - step * n) for n in range(back, 0, -1)]
    if terms[0].role == "value":
        return filled(raw, policy=terms[0].missing, stat=terms[0].stat)[-window:], raw[-1] is not None
    return raw, raw[-1] is not None


def _judge_rule(
    rule: AlarmRule,
    alarm: Alarm,
    terms: Sequence[_Term],
    points: Mapping[PointKey, Sequence[float | None]],
    read_to: datetime,
    at: datetime,
) -> int:
    """Judge every whole period since the last time; returns how many changes."""
    step = timedelta(seconds=rule.period)
    newest_end = floor_to(read_to, rule.period)
    # Until something is judged it begins where the rule did, not at the newest point: what was stored by a pass that
    # was killed before it judged is then still ahead of the next one.
    first_end = alarm.evaluated_until + step if alarm.evaluated_until else floor_to(alarm.since, rule.period)
    first_end = max(first_end, floor_to(at - CATCH_UP, rule.period))
    threshold, state, changes = threshold_of(rule), alarm.state, 0
    last: tuple[datetime, Judgement] | None = None
    ends_at = first_end
    while ends_at <= newest_end:
        values, is_whole = _values(terms, points, ends_at, step, rule.window)
        waits = rule.missing in ("missing", "ignore") or values[-1] is not None
        if not is_whole and at - ends_at < GRACE and waits:
            break  # it may still come; the next pass goes on from here
        judgement = judge(threshold, values, _state(state))
        last = (ends_at, judgement)
        if judgement.state != state:
            changes += _change(rule, alarm, threshold, judgement, values, ends_at, at)
            state = judgement.state
        ends_at += step
    if last is not None:
        Alarm.objects.filter(pk=alarm.pk).update(
            evaluated_until=last[0], fetched_at=at, **({"value": last[1].newest} if last[1].newest is not None else {})
        )
    return changes


def _state(word: str) -> State:
    return "alarm" if word == "alarm" else "ok" if word == "ok" else "unknown"


def _change(
    rule: AlarmRule,
    alarm: Alarm,
    threshold: Threshold,
    judgement: Judgement,
    values: Sequence[float | None],
    ends_at: datetime,
    at: datetime,
) -> int:
    stat = rule.stat if "value" in rule.indicator else "Share"
    unit = rule.unit if "value" in rule.indicator else "%"
    text = describe(threshold, stat=stat, period=rule.period, unit=unit)
    if judgement.state == "unknown":
        reason = f"No datapoint in {threshold.window} × {rule.period} s."
    else:
        reason = f"{number(judgement.newest, unit)}; the rule: {text}."
    with transaction.atomic():
        made = alarm_transition(
            alarm=alarm,
            to_state=judgement.state,
            at=ends_at,
            recorded_at=at,
            value=judgement.newest,
            reason=reason,
            data={"rule_version": rule.version, "threshold": rule.threshold, "values": list(values)},
        )
    return int(made is not None)
