"""Alarm rules as an admin writes them here: made, changed, switched off; versioned, dated, audited."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final

import orjson
from django.db import transaction
from django.utils.text import slugify

from monitoring.evaluation import threshold_of
from monitoring.figures import DAY, HOUR, BoundTerm, hourly_baseline
from monitoring.models import AlarmRule, Measure, Series
from monitoring.services.alarms import alarms_release
from monitoring.services.binding import FETCHED, dimensions_hash, series_bind
from monitoring.services.policy import SWITCHED_OFF
from monitoring.slo.indicator import IndicatorError, Term, rule_terms
from monitoring.store import STAT_COLUMNS
from monitoring.thresholds import BASELINE_LEAST, ThresholdError
from opsportal.audit.services import record, text_digest
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform, PolicySource

FIELDS: Final = (
    "name", "service", "signal", "indicator", "stat", "period", "datapoints", "window", "comparison", "threshold",
    "clear_threshold", "warn_threshold", "opposite_threshold", "opposite_warn", "clear_periods", "measure", "unit",
    "missing", "severity", "poll_every", "opens_incident", "grouped", "flap_changes", "flap_minutes", "enabled", "note",
)  # fmt: skip
READ_BY: Final = frozenset({"indicator", "stat", "period", "poll_every", "service", "enabled"})  # what series depend on
MOST_PERIODS: Final = 100
LONGEST_NAME: Final = 120
LONGEST_INDICATOR: Final = 2_000  # bytes of JSON; the trail keeps it twice


class RuleError(RefusedError):
    """The rule cannot stand as it was written; the text says what does not fit."""


def rule_of(platform: Platform, values: Mapping[str, Any]) -> AlarmRule:
    """The rule as an object that is not saved, checked. Raises RuleError."""
    rule = AlarmRule(platform=platform, **values)
    try:
        terms = rule_terms(rule.indicator, stat=rule.stat)
        threshold_of(rule)
    except (IndicatorError, ThresholdError) as error:
        raise RuleError(str(error)) from error
    limits = (rule.threshold, rule.clear_threshold, rule.warn_threshold, rule.opposite_threshold, rule.opposite_warn)
    if not all(limit is None or isfinite(limit) for limit in limits):
        raise RuleError("A limit is a finite number.")
    if len(orjson.dumps(rule.indicator)) > LONGEST_INDICATOR:
        raise RuleError(f"The indicator is longer than {LONGEST_INDICATOR} bytes.")
    if any(len(text) > LONGEST_NAME for term in terms for text in (term.namespace, term.metric)):
        raise RuleError(f"A namespace and a metric have at most {LONGEST_NAME} characters.")
    if rule.period not in (60, 300, 3600):
        raise RuleError("A period is 60, 300 or 3600 seconds.")
    if not 1 <= rule.window <= MOST_PERIODS or rule.clear_periods > MOST_PERIODS:
        raise RuleError(f"At most {MOST_PERIODS} periods are looked at.")
    for name in ("service", "severity"):
        other = getattr(rule, name)
        owner = other.scheme if name == "severity" and other is not None else other
        if owner is not None and owner.platform_id != platform.pk:
            raise RuleError(f"This {name} belongs to another platform.")
    return rule


def stored_terms(platform: Platform, terms: Sequence[Term]) -> list[BoundTerm]:
    """The series that hold these terms already; empty unless all are read with the statistic that is asked."""
    found: list[BoundTerm] = []
    series = Series.objects.filter(platform=platform, name__in={term.metric for term in terms}).order_by(
        "-enabled", "pk"
    )
    known = list(series)
    for term in terms:
        wanted = set(FETCHED.get(term.stat, (term.stat,)))
        match = next(
            (
                one
                for one in known
                if (one.namespace, one.name, one.dimensions_hash, one.count_below)
                == (term.namespace, term.metric, dimensions_hash(term.dimensions), term.below)
                and term.region in ("", one.region)
                and wanted <= set(one.stats)
            ),
            None,
        )
        if match is None:
            return []
        found.append(BoundTerm(term.role, match.pk, term.stat, match.missing))
    return found


def baseline_days(rule: AlarmRule, at: datetime) -> int:
    """The days that the best known hour of the last day has behind it."""
    terms = stored_terms(rule.platform, rule_terms(rule.indicator, stat=rule.stat))
    usual = hourly_baseline(terms, period=rule.period, start=at - timedelta(days=1), end=at, at=at)
    now = int(at.timestamp())
    return max(len(usual.days(hour)) for hour in range(now, now - DAY, -HOUR))


def _check(platform: Platform, written: Mapping[str, Any], at: datetime) -> None:
    """Raises RuleError naming what does not fit."""
    checked = rule_of(platform, written)
    if not written["note"].strip():
        raise RuleError("Say why: the next one who is woken by this rule reads it.")
    if checked.measure != Measure.VALUE and (days := baseline_days(checked, at)) < BASELINE_LEAST:
        raise RuleError(f"The baseline has {days} of {BASELINE_LEAST} days; until then use a fixed limit.")


@transaction.atomic
def alarm_rule_save(
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    expected: int,
    values: Mapping[str, Any],
    rule: AlarmRule | None = None,
) -> AlarmRule:
    """Make a rule (`rule` None, `expected` 0) or change one. `values` names every one of FIELDS.

    Its alarm keeps its state and is judged by the new version from the next period on. Raises RuleError,
    VersionConflictError.
    """
    written = {name: values[name] for name in FIELDS}
    _check(platform, written, at)
    written |= {"source": PolicySource.EDITED, "source_text": ""}
    # The platform's row makes two rules of one name, made at the same moment, one after the other.
    Platform.objects.hold(platform.pk)
    before: dict[str, Any] = {}
    if rule is None:
        row, changed = _made(platform, written), list(FIELDS)
    else:
        row = AlarmRule.objects.select_for_update(of=("self",)).get(pk=rule.pk, platform=platform)
        if row.version != expected:
            raise VersionConflictError(row)
        before = plain(row)
        changed = [name for name in FIELDS if getattr(row, name) != written[name]]
        if not changed:
            return row
        row.update_versioned(expected=expected, **written)
    if not row.enabled:
        alarms_release(platform=platform, at=at, reason=SWITCHED_OFF)
    if READ_BY & set(changed):
        series_bind(by=by, at=at, platform=platform)  # ends with its own audit row: nothing is locked from here on
    data: dict[str, Any] = {"key": row.key, "version": row.version, "changed": changed}
    for moment, said in (("before", before), ("after", plain(row))):
        data[moment] = {name: value for name, value in said.items() if name in changed}
    record(
        by=by,
        at=at,
        verb="monitoring.alarm_rule.changed",
        obj_kind="monitoring.alarmrule",
        obj_id=row.pk,
        platform_id=platform.pk,
        data=data,
    )
    return row


def _made(platform: Platform, written: Mapping[str, Any]) -> AlarmRule:
    """A new rule under the first free key of its name."""
    stem = slugify(written["name"])[:70] or "rule"
    taken = set(AlarmRule.objects.filter(platform=platform, key__startswith=stem).values_list("key", flat=True))
    key = next(key for key in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if key not in taken)
    row: AlarmRule = AlarmRule.objects.create(platform=platform, key=key, **written)
    return row


def alarm_rule_switch(*, by: Actor, at: datetime, rule: AlarmRule, expected: int, is_on: bool, note: str) -> AlarmRule:
    """Switch a rule on or off, with the reason. Raises RuleError, VersionConflictError."""
    values = {name: getattr(rule, name) for name in FIELDS} | {"enabled": is_on, "note": note}
    return alarm_rule_save(by=by, at=at, platform=rule.platform, expected=expected, values=values, rule=rule)


def plain(rule: AlarmRule) -> dict[str, Any]:
    """What a rule says as the audit keeps it: no prose, neighbours by their keys, what it reads as a digest."""
    said = {name: getattr(rule, name) for name in FIELDS if name not in ("name", "note", "unit")}
    said["service"] = rule.service.key if rule.service else None
    said["severity"] = rule.severity.rank if rule.severity else None
    said["indicator"] = text_digest(orjson.dumps(rule.indicator).decode(), salt=rule.key)
    return said


def stats_known() -> list[str]:
    """The statistics a rule may judge."""
    return ["Average", *(stat for stat in STAT_COLUMNS if stat != "TC")]
