"""Bind policy to series: every metric, rule, objective and probe of a platform finds (or makes) its series."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import transaction

from monitoring.missing import COUNTS
from monitoring.models import (
    PROBE_NAMESPACE,
    AlarmRule,
    MetricSource,
    MissingPoint,
    Probe,
    RuleTerm,
    Series,
    ServiceMetric,
    Slo,
    SloTerm,
    SloVersion,
)
from monitoring.models.sources import COMMON_POLL_SECONDS, CRITICAL_POLL_SECONDS
from monitoring.slo.indicator import Term, rule_terms, slo_terms
from monitoring.slo.periods import held
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform

LATE = timedelta(days=2)  # CloudWatch may add points for so long
# Load balancers send no datapoint where nothing happened: their silence, once asked about, is zero.
SILENT_ZERO = frozenset({"AWS/ApplicationELB", "AWS/NetworkELB"})
# What is fetched so that a statistic can be had at every resolution: averages are sums over counts.
FETCHED = {"Average": ("Sum", "SampleCount")}
# What a probe measures: success of each answer as 1 or 0, how long it took, how long its certificate lasts.
CERTIFICATE_DAYS = "CertificateDays"
PROBE_METRICS = {"Success": "Count", "Latency": "Milliseconds", CERTIFICATE_DAYS: "Days"}


@dataclass(slots=True)
class _Wanted:
    """A series as all its readers together want it."""

    term: Term
    service_id: int | None
    stats: set[str] = field(default_factory=set)
    poll_every: int = COMMON_POLL_SECONDS
    unit: str = ""
    missing: str = ""

    def values(self) -> dict[str, Any]:
        """The fields of the series."""
        usual = MissingPoint.ZERO if self.term.namespace in SILENT_ZERO and self.stats <= COUNTS else MissingPoint.GAP
        return {
            "service_id": self.service_id,
            "stats": sorted(self.stats),
            "poll_every": self.poll_every,
            "unit": self.unit,
            "missing": self.missing or usual,
        }


_Bound = Sequence[tuple[Term, Series]]


def dimensions_hash(dimensions: Iterable[tuple[str, str]]) -> str:
    """One hash for one set of dimensions, whatever their order."""
    return hashlib.sha256(orjson.dumps(sorted(dimensions))).hexdigest()


class _Binder:
    """Collects what all readers want, then writes each series once."""

    def __init__(self, platform: Platform, source: MetricSource | None) -> None:
        self.platform = platform
        self.source = source
        self.wanted: dict[tuple[str, str, str, tuple[tuple[str, str], ...], float | None], _Wanted] = {}

    def want(self, term: Term, *, service_id: int | None, poll_every: int, unit: str = "") -> _Wanted:
        _, region = self._place(term)
        key = (region, term.namespace, term.metric, term.dimensions, term.below)
        found = self.wanted.setdefault(key, _Wanted(term, service_id))
        found.stats.update(FETCHED.get(term.stat, (term.stat,)))
        found.poll_every = min(found.poll_every, poll_every)
        found.service_id = found.service_id or service_id
        found.unit = found.unit or unit
        found.missing = found.missing or term.missing
        return found

    def _place(self, term: Term) -> tuple[int | None, str]:
        """The account and region in which a term is looked for; none where the portal measures."""
        if term.namespace == PROBE_NAMESPACE or self.source is None:
            return None, ""
        return self.source.account_id, term.region or self.source.region

    def series(self) -> dict[int, Series]:
        """The series of each `_Wanted` by its id: found, changed or made; the platform is held, so nobody else does."""
        known = {_row_key(row): row for row in Series.objects.filter(platform_id=self.platform.pk)}
        found, made = {}, []
        for wanted in self.wanted.values():
            row = self._row(wanted)
            same = known.get(_row_key(row))
            if same is None:
                made.append(row)
            else:
                changes = {**wanted.values(), "enabled": True}
                if any(getattr(same, name) != value for name, value in changes.items()):
                    same.update_versioned(expected=same.version, **changes)
            found[id(wanted)] = same or row
        Series.objects.bulk_create(made)
        return found

    def _row(self, wanted: _Wanted) -> Series:
        term = wanted.term
        account_id, region = self._place(term)
        return Series(
            platform_id=self.platform.pk,
            account_id=account_id,
            region=region,
            namespace=term.namespace,
            name=term.metric,
            dimensions=dict(term.dimensions),
            dimensions_hash=dimensions_hash(term.dimensions),
            count_below=term.below,
            **wanted.values(),
        )


def _row_key(row: Series) -> tuple[object, ...]:
    """What makes a series the same within its platform."""
    return (row.account_id, row.region, row.namespace, row.name, row.dimensions_hash, row.count_below)


@transaction.atomic
def series_bind(*, by: Actor, at: datetime, platform: Platform) -> int:
    """Bind every metric, rule, objective and probe of the platform; returns its number of series.

    Without a source only what the portal's own probes measure is bound. Series that nobody reads any more are switched
    off; their points stay.
    """
    # Two binds at once would switch off each other's new series. Who also holds a row of its own locks this first.
    Platform.objects.hold(platform.pk)
    source = MetricSource.objects.filter(platform=platform, account__enabled=True).order_by("pk").first()
    probes = list(Probe.objects.filter(platform=platform).order_by("pk"))
    if source is None and not probes:
        return 0
    binder = _Binder(platform, source)
    metrics = list(ServiceMetric.objects.filter(platform=platform).order_by("pk"))
    rules = list(AlarmRule.objects.filter(platform=platform, enabled=True).order_by("pk"))
    slos = list(Slo.objects.filter(platform=platform, enabled=True).order_by("pk"))
    if source is None:
        metrics, rules = _probed(metrics, rules)
    _want_probes(binder, probes)
    of_metric = {metric.pk: _want_metric(binder, metric) for metric in metrics}
    of_rule = {rule.pk: _want_rule(binder, rule) for rule in rules}
    versions = [one for one in _promised(slos, at) if source or _is_probed(slo_terms(one.indicator))]
    of_version = {version: _want_slo(binder, version) for version in versions}
    series = binder.series()
    for metric in metrics:
        found = series[id(of_metric[metric.pk])]
        if metric.series_id != found.pk:
            metric.update_versioned(expected=metric.version, series_id=found.pk)
    _bind_rules({pk: [(t, series[id(w)]) for t, w in terms] for pk, terms in of_rule.items()})
    _bind_slos({version: [(t, series[id(w)]) for t, w in terms] for version, terms in of_version.items()})
    _switch_off(binder, series.values())
    said = {"series": len(series), "rules": len(rules), "slos": len(slos)}
    record(
        by=by, at=at, verb="monitoring.series.bound", obj_kind="platforms.platform", obj_id=platform.pk,
        platform_id=platform.pk, data=said,
    )  # fmt: skip
    return len(series)


def _bind_rules(wanted: Mapping[int, _Bound]) -> None:
    """Write the terms of those rules that look at others than before."""
    rows = RuleTerm.objects.filter(rule__in=wanted).values_list("rule_id", "role", "series_id", "stat")
    changed = _others(rows, wanted)
    RuleTerm.objects.filter(rule__in=changed).delete()
    RuleTerm.objects.bulk_create(
        [RuleTerm(rule_id=pk, role=t.role, series=series, stat=t.stat) for pk in changed for t, series in wanted[pk]]
    )


def _bind_slos(wanted: Mapping[SloVersion, _Bound]) -> None:
    """Write the terms of those versions that count others than before."""
    versions = {version.pk: version for version in wanted}
    rows = SloTerm.objects.filter(of_version__in=versions).values_list("of_version_id", "role", "series_id", "stat")
    changed = _others(rows, {version.pk: terms for version, terms in wanted.items()})
    SloTerm.objects.filter(of_version__in=changed).delete()
    SloTerm.objects.bulk_create(
        [
            SloTerm(slo_id=versions[pk].slo_id, of_version_id=pk, role=t.role, series=series, stat=t.stat)
            for pk in changed
            for t, series in wanted[versions[pk]]
        ]
    )


def _others(rows: Iterable[tuple[int | None, str, int, str]], wanted: Mapping[int, _Bound]) -> list[int]:
    """Whose terms are other than the rows that are there."""
    before: dict[int | None, set[tuple[str, int, str]]] = defaultdict(set)
    for pk, role, series_id, stat in rows:
        before[pk].add((role, series_id, stat))
    return [pk for pk, terms in wanted.items() if before[pk] != {(t.role, one.pk, t.stat) for t, one in terms}]


def _switch_off(binder: _Binder, read: Iterable[Series]) -> None:
    """Read no more what nobody reads; without a source AWS's own series stay as they were."""
    unread = Series.objects.filter(platform=binder.platform, enabled=True).exclude(pk__in=[one.pk for one in read])
    if binder.source is None:
        unread = unread.filter(account=None)
    unread.update(enabled=False)


def _is_probed(terms: Sequence[Term]) -> bool:
    return all(term.namespace == PROBE_NAMESPACE for term in terms)


def _probed(
    metrics: Iterable[ServiceMetric], rules: Iterable[AlarmRule]
) -> tuple[list[ServiceMetric], list[AlarmRule]]:
    """What reads nothing but probes: it needs no account."""
    return (
        [metric for metric in metrics if metric.namespace == PROBE_NAMESPACE],
        [rule for rule in rules if _is_probed(rule_terms(rule.indicator, stat=rule.stat))],
    )


def _want_probes(binder: _Binder, probes: Iterable[Probe]) -> None:
    """The series of each probe that is asked: every statistic that a chart, a rule or an objective may read."""
    wanted = ((probe, metric, unit) for probe in probes if probe.enabled for metric, unit in PROBE_METRICS.items())
    for probe, metric, unit in wanted:
        if metric == CERTIFICATE_DAYS and not probe.meets_certificate:
            continue
        for stat in ("Sum", "SampleCount", "Minimum", "Maximum"):
            term = Term("value", PROBE_NAMESPACE, metric, (("Probe", probe.key),), stat)
            binder.want(term, service_id=probe.service_id, poll_every=CRITICAL_POLL_SECONDS, unit=unit)


def _want_metric(binder: _Binder, metric: ServiceMetric) -> _Wanted:
    pairs = tuple(sorted((str(name), str(value)) for name, value in metric.dimensions.items()))
    found = None
    for stat in metric.stats:
        term = Term("value", metric.namespace, metric.metric, pairs, stat, None, metric.region)
        found = binder.want(term, service_id=metric.service_id, poll_every=metric.poll_every, unit=metric.unit)
    assert found is not None, f"{metric.key} names no statistic"
    return found


def _want_rule(binder: _Binder, rule: AlarmRule) -> list[tuple[Term, _Wanted]]:
    every = CRITICAL_POLL_SECONDS if rule.period < COMMON_POLL_SECONDS else rule.poll_every
    return [
        (term, binder.want(term, service_id=rule.service_id, poll_every=every))
        for term in rule_terms(rule.indicator, stat=rule.stat)
    ]


def _promised(slos: Iterable[Slo], at: datetime) -> list[SloVersion]:
    """The versions whose metrics are read: those that hold from LATE ago on. Older ones keep their terms."""
    found: list[SloVersion] = []
    dated: dict[int, list[tuple[datetime, SloVersion]]] = {}
    for version in SloVersion.objects.filter(slo__in=slos).select_related("slo").order_by("effective_from", "number"):
        dated.setdefault(version.slo_id, []).append((version.effective_from, version))
    for versions in dated.values():
        found += [version for version, _, _ in held(versions, at - LATE, datetime.max.replace(tzinfo=UTC))]
    return found


def _want_slo(binder: _Binder, version: SloVersion) -> list[tuple[Term, _Wanted]]:
    service_id = version.slo.service_id
    return [
        (term, binder.want(term, service_id=service_id, poll_every=CRITICAL_POLL_SECONDS))
        for term in slo_terms(version.indicator)
    ]
