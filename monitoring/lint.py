"""What is wrong with alarm rules before they matter (M-MET-10): traps of CloudWatch, missing decisions, dead limits."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from django.db import connection
from django.db.models import Min

from monitoring.evaluation import threshold_of
from monitoring.figures import COUNTED, FIGURE
from monitoring.models import AlarmRule, AlarmState, AlarmTransition, Measure, Missing
from monitoring.slo.indicator import Term, rule_terms
from opsportal.core.formats import number
from opsportal.knowledge.models import Runbook

Level = Literal["error", "warning", "hint"]
SPAN: Final = timedelta(days=30)
ALWAYS: Final = 0.9  # of the time
FAR: Final = 3.0  # a limit so many times beyond the furthest figure of 30 days
THIN: Final = 0.9  # a metric with figures in fewer periods is silent at times
LOAD_BALANCER: Final = re.compile(r"(app|net|gwy)/[^/]+/[0-9a-f]{16}")
TARGET_GROUP: Final = re.compile(r"targetgroup/[^/]+/[0-9a-f]{16}")
GAUGES: Final = re.compile(r"Utilization$|^DatabaseConnections$|HostCount$|^Free|Lag$|HitRate$|Usage$|Connections$")
COUNTS: Final = re.compile(r"^DatabaseConnections$|HostCount$|^CurrConnections$")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one rule; `code` is its kind."""

    rule: AlarmRule
    code: str
    level: Level
    text: str

    @property
    def kind(self) -> str:
        """The word of the state language."""
        return {"error": "fail", "warning": "warn"}.get(self.level, "off")


class _Seen(NamedTuple):
    """What the stored points of 30 days say of a rule's figure at 5 minutes."""

    low: float | None = None
    high: float | None = None
    share: float = 0.0


Said = tuple[str, Level, str]


def lint_rules(rules: Sequence[AlarmRule], *, at: datetime) -> list[Finding]:
    """Every finding of these rules in force, errors first. `rules` come with platform, service and severity.

    Five statements, however many rules.
    """
    ids = [rule.pk for rule in rules]
    seen, fired = _seen(ids, at), _fired(ids, at)
    covered, twins = _covered({rule.platform_id for rule in rules}), _twins(rules)
    found: list[Finding] = []
    for rule in rules:
        terms = rule_terms(rule.indicator, stat=rule.stat)
        said: list[Said] = [*_decisions(rule, covered), *_traps(rule, terms)]
        said += _figures(rule, seen.get(rule.pk, _Seen()))
        said += _firing(fired.get(rule.pk))
        said += [("duplicate", "warning", f"Judges the same as {other.name}.") for other in twins.get(rule.pk, ())]
        found += [Finding(rule, *one) for one in said]
    order = {"error": 0, "warning": 1, "hint": 2}
    return sorted(
        found, key=lambda one: (order[one.level], one.rule.platform.key, one.rule.name, one.rule.pk, one.code)
    )


def _decisions(rule: AlarmRule, covered: Collection[tuple[int, str]]) -> Iterator[Said]:
    """What nobody decided yet."""
    if (rule.platform_id, rule.key) not in covered:
        level: Level = "error" if rule.severity is not None and rule.severity.pages else "warning"
        yield "no-runbook", level, "No written runbook is opened for it."
    if rule.severity is None:
        yield "no-severity", "error", "It has no severity: nobody knows how fast to come."
    elif rule.severity.pages and not rule.opens_incident:
        yield "no-action", "warning", f"{rule.severity.label} pages, but it opens no incident."
    threshold = threshold_of(rule)
    returns = rule.clear_threshold is not None or rule.clear_periods or threshold.window > 1
    if rule.warn_threshold is not None and not returns:
        yield "no-way-back", "warning", "One figure at its warning limit turns it each time: give it a way back."


def _traps(rule: AlarmRule, terms: Sequence[Term]) -> Iterator[Said]:
    for term in terms:
        yield from _dimension_traps(term)
        if term.role == "value" and term.stat == "Sum" and GAUGES.search(term.metric):
            yield "gauge-summed", "error", f"{term.metric} is a level: its sum grows with the number of samples."
        if COUNTS.search(term.metric) and ("%" in f"{rule.name} {rule.unit}" or rule.unit == "Percent"):
            yield (
                "count-not-share",
                "error",
                f"{term.metric} is a number of connections or hosts, not per cent of them.",
            )


def _dimension_traps(term: Term) -> Iterator[Said]:
    """CloudWatch answers nothing, without an error, when dimensions are not exactly those a metric was sent with."""
    dimensions = dict(term.dimensions)
    wild = [name for name, value in term.dimensions if "*" in value]
    if wild:
        yield "dimensions", "error", f"{wild[0]} holds *, which is no wildcard: nothing will ever match."
    if term.namespace == "AWS/ECS" and ("ServiceName" in dimensions) and "ClusterName" not in dimensions:
        yield "dimensions", "error", f"{term.metric} of ECS needs ClusterName beside ServiceName."
    if term.namespace.endswith("ELB"):
        balancer, group = dimensions.get("LoadBalancer"), dimensions.get("TargetGroup")
        if balancer is not None and not LOAD_BALANCER.fullmatch(balancer):
            yield "dimensions", "error", f"LoadBalancer is app/<name>/<id>, not {balancer}."
        if group is not None and not TARGET_GROUP.fullmatch(group):
            yield "dimensions", "error", f"TargetGroup is targetgroup/<name>/<id>, not {group}."
        if group is not None and balancer is None:
            yield "dimensions", "error", "TargetGroup alone matches nothing: LoadBalancer belongs to it."


def _figures(rule: AlarmRule, seen: _Seen) -> Iterator[Said]:
    if seen.low is None or seen.high is None:
        yield "never-data", "error", "No figure was stored in 30 days: look at metric, dimensions and statistic."
        return
    if rule.missing == Missing.MISSING and seen.share < THIN:
        yield (
            "missing-data",
            "warning",
            f"It has figures in {100 * seen.share:.0f} % of all periods: choose what one without data is.",
        )
    if rule.measure != Measure.VALUE:
        return
    low, high = _critical(rule)
    for limit, furthest, is_far in (
        (high, seen.high, high is not None and seen.high > 0 and high >= FAR * seen.high),
        (low, seen.low, low is not None and seen.low > 0 and low * FAR <= seen.low),
    ):
        if is_far:
            text = (
                f"{number(limit, rule.unit)} is far outside anything seen in 30 days ({number(furthest, rule.unit)})."
            )
            yield "out-of-reach", "hint", text


def _critical(rule: AlarmRule) -> tuple[float | None, float | None]:
    """The critical limits, low and high."""
    pair = (rule.opposite_threshold, rule.threshold)
    return pair if rule.comparison in ("gt", "ge") else pair[::-1]


def _firing(share: float | None) -> Iterator[Said]:
    """`share` of the last 30 days in which it fired; None when it is younger than that."""
    if share is None:
        return
    if share >= ALWAYS:
        yield "always-firing", "warning", f"It fired for {100 * share:.0f} % of 30 days: nobody can mean that."
    elif share == 0:
        yield "never-fired", "hint", "It did not fire in 30 days."


def _covered(platform_ids: Collection[int]) -> set[tuple[int, str]]:
    rows = Runbook.objects.filter(platform_id__in=platform_ids, current__isnull=False)
    pairs = rows.values_list("platform_id", "triggers")
    return {(platform, alarm) for platform, triggers in pairs for alarm in triggers.get("alarms", [])}


def _twins(rules: Sequence[AlarmRule]) -> Mapping[int, list[AlarmRule]]:
    """The other rules that judge the same figure by the same limits over the same periods."""
    same: dict[Any, list[AlarmRule]] = defaultdict(list)
    for rule in rules:
        terms = tuple(sorted(map(repr, rule_terms(rule.indicator, stat=rule.stat))))
        same[rule.platform_id, terms, rule.measure, rule.period, rule.comparison, rule.threshold].append(rule)
    groups = [group for group in same.values() if len(group) > 1]
    return {rule.pk: [other for other in group if other is not rule] for group in groups for rule in group}


def _fired(rule_ids: Sequence[int], at: datetime) -> dict[int, float | None]:
    """The share of the last 30 days in which each rule's alarm fired, of those judged for so long."""
    start = at - SPAN
    events = AlarmTransition.objects.filter(alarm__rule__in=rule_ids)
    born = dict(events.order_by().values_list("alarm__rule_id").annotate(Min("at")))
    rows = events.filter(at__gt=start, at__lte=at).order_by("alarm__rule_id", "at", "pk")
    changes: dict[int, list[tuple[str, str, datetime]]] = defaultdict(list)
    for rule_id, before, after, moment in rows.values_list("alarm__rule_id", "from_state", "to_state", "at"):
        changes[rule_id].append((before, after, moment))
    states = dict(AlarmRule.objects.filter(pk__in=rule_ids).values_list("pk", "alarm__state"))
    found: dict[int, float | None] = {}
    for rule_id in rule_ids:
        if rule_id not in born or born[rule_id] > start:
            found[rule_id] = None
            continue
        own = changes[rule_id]
        state, since, fired = own[0][0] if own else states[rule_id], start, timedelta()
        for _, after, moment in own:
            fired += moment - since if state == AlarmState.ALARM else timedelta()
            state, since = after, moment
        fired += at - since if state == AlarmState.ALARM else timedelta()
        found[rule_id] = fired / SPAN
    return found


def _seen(rule_ids: Sequence[int], at: datetime) -> dict[int, _Seen]:
    """The extremes of each rule's figure at 5 minutes over 30 days; sums as much as the rule's period holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.rule_id, min(v.v), max(v.v), count(v.v), r.period, r.stat, bool_or(t.role = 'value')"  # noqa: S608 - our own names
            " FROM monitoring_ruleterm t JOIN monitoring_alarmrule r ON r.id = t.rule_id"
            " JOIN monitoring_point_5m p ON p.series_id = t.series_id AND p.ts >= %s AND p.ts < %s"
            f" CROSS JOIN LATERAL (SELECT {FIGURE} AS v) v"
            " WHERE t.rule_id = ANY(%s) AND t.role IN ('value', 'total') GROUP BY t.rule_id, r.period, r.stat",
            [at - SPAN, at, list(rule_ids)],
        )
        found = {}
        for rule_id, low, high, count, period, stat, is_value in cursor.fetchall():
            if not count:
                continue
            factor = period / 300 if is_value and stat in COUNTED else 1.0
            # A share lies within per cent, whatever its events are.
            ends = (low * factor, high * factor) if is_value else (0.0, 100.0)
            found[rule_id] = _Seen(ends[0], ends[1], min(1.0, count / (SPAN / timedelta(minutes=5))))
        return found
