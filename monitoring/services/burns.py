"""Burn rates as alarms: each objective has one that pages and one that files, and its budget's steps are told once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from monitoring.models import Alarm, AlarmOrigin, AlarmRule, AlarmState, RuleTerm, Slo, SloTerm, SloVersion
from monitoring.selectors.slo_counts import LAG, Window, counts, newest_counted
from monitoring.selectors.slo_policy import policies
from monitoring.selectors.slo_report import SloRow, burns_of, slo_rows, span_name, versions_at
from monitoring.services.alarms import alarm_transition
from monitoring.slo.burn import SPANS, BurnState, Urgency
from monitoring.slo.periods import floor_slice, window
from monitoring.slo.policy import Step
from opsportal.core.formats import duration, percent
from opsportal.notifications.models import Notice
from opsportal.notifications.services import Audience, notify
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Severity

KEY: Final = "burn"
URGENCIES: Final[tuple[Urgency, ...]] = ("page", "ticket")
TOLD: Final = ("manager", "commander", "admin")
STEP_WORDS: Final[dict[Step, str]] = {
    "notice": "Nothing has to be done yet.",
    "review": "A review is due.",
    "freeze": "A freeze is suggested: only critical and security changes until the budget recovers.",
}


def counted_slos() -> list[Slo]:
    """Objectives that read something."""
    bound = SloTerm.objects.values("slo_id")
    rows = Slo.objects.filter(enabled=True, pk__in=bound).select_related("platform", "service")
    return list(rows.order_by("pk"))


def burn_alarms_judge(*, at: datetime) -> int:
    """Judge every objective's burn rates and move its two alarms; returns how many moved.

    At the newest counted slice: time nobody asked CloudWatch about is neither calm nor fire, and when the newest is
    older than LAG the alarm is unknown.
    """
    slos, until, moved = counted_slos(), floor_slice(at), 0
    versions = versions_at(slos, at)
    anchors = newest_counted([slo.pk for slo in slos], until)
    windows: dict[tuple[int, str], Window] = {}
    for slo in slos:
        anchor = anchors[slo.pk]
        windows |= {(slo.pk, span_name(span)): (anchor - span, anchor) for span in SPANS}
        windows[slo.pk, "known"] = (until - LAG, until)
    found = counts(windows)
    for slo in slos:
        burns = burns_of(slo, versions[slo.pk], found, anchors[slo.pk])
        is_known = found[slo.pk, "known"].covered > 0
        for urgency in URGENCIES:
            own = [burn for burn in burns if burn.rule.urgency == urgency]
            moved += _move(slo, versions[slo.pk], urgency, own if is_known else [], at=at, until=anchors[slo.pk])
    gone = Alarm.objects.filter(origin=AlarmOrigin.PORTAL, key__startswith=f"{KEY}:").exclude(
        key__in=[_key(slo, urgency) for slo in slos for urgency in URGENCIES]
    )
    for alarm in gone.exclude(state=AlarmState.UNKNOWN).order_by("pk"):
        reason = "Nothing is counted for this objective any more."
        moved += (
            alarm_transition(alarm=alarm, to_state=AlarmState.UNKNOWN, at=at, recorded_at=at, reason=reason) is not None
        )
    return moved


def _key(slo: Slo, urgency: Urgency) -> str:
    return f"{KEY}:{slo.pk}:{urgency}"


def _move(
    slo: Slo, version: SloVersion, urgency: Urgency, burns: Sequence[BurnState], *, at: datetime, until: datetime
) -> bool:
    firing = [burn for burn in burns if burn.firing]
    if firing:
        state, reason = AlarmState.ALARM, _reason(version, firing[0])
    elif any(burn.long_rate is not None for burn in burns):
        state, reason = AlarmState.OK, "No burn rate is over its limit in both of its windows."
    else:
        state, reason = AlarmState.UNKNOWN, "Nothing was counted lately: the burn rate is not known."
    alarm = Alarm.objects.filter(platform_id=slo.platform_id, origin=AlarmOrigin.PORTAL, key=_key(slo, urgency)).first()
    if alarm is None:
        if state != AlarmState.ALARM:
            return False  # an alarm is made when it first fires
        alarm = _alarm(slo, urgency, at=at)
    Alarm.objects.filter(pk=alarm.pk).update(evaluated_until=until, fetched_at=at)
    value = firing[0].long_rate if firing else None
    data = {
        "slo": slo.pk,
        "slo_version": version.number,
        "burns": [
            {
                "long_s": burn.rule.long.total_seconds(),
                "short_s": burn.rule.short.total_seconds(),
                "factor": burn.factor,
                "long": burn.long_rate,
                "short": burn.short_rate,
            }
            for burn in burns
        ],
    }
    event = alarm_transition(
        alarm=alarm, to_state=state, at=until, recorded_at=at, value=value, reason=reason, data=data
    )
    return event is not None


def _reason(version: SloVersion, burn: BurnState) -> str:
    rates = f"{burn.long_rate or 0:.1f}× over {duration(burn.rule.long)}, {burn.short_rate or 0:.1f}× over "
    share = f"{percent(burn.rule.share, 0)} of the budget of {version.objective.normalize()} % within"
    return f"Burning {rates}{duration(burn.rule.short)}; limit {burn.factor:.1f}×, {share} {duration(burn.rule.long)}."


def _alarm(slo: Slo, urgency: Urgency, *, at: datetime) -> Alarm:
    """The alarm of an objective; it carries the signal of the rule that looks at the same metrics, so that one fault
    makes one incident.
    """
    series = SloTerm.objects.filter(slo=slo, role__in=("bad", "good", "value")).values("series_id")
    rules = AlarmRule.objects.filter(
        platform_id=slo.platform_id, service=slo.service, enabled=True,
        pk__in=RuleTerm.objects.filter(series_id__in=series).exclude(role="total").values("rule_id"),
    ).select_related("severity")  # fmt: skip
    twin = rules.order_by("-opens_incident", "severity__rank", "pk").first()
    severity = twin.severity if twin is not None and urgency == "page" else _severity(slo, urgency)
    alarm, _ = Alarm.objects.get_or_create(
        platform_id=slo.platform_id,
        origin=AlarmOrigin.PORTAL,
        key=_key(slo, urgency),
        defaults={
            "service_id": slo.service_id,
            "name": f"{slo.name}: budget burns {'fast' if urgency == 'page' else 'steadily'}",
            "signal": twin.signal if twin is not None else f"slo-{slo.key}"[:60],
            "severity": severity,
            "opens_incident": urgency == "page",
            "state": AlarmState.OK,
            "since": at,
        },
    )
    return alarm


def _severity(slo: Slo, urgency: Urgency) -> Severity | None:
    """What pages, or what does not, of the platform's alert levels: the mildest of one, the worst of the other."""
    rows = Severity.objects.filter(scheme__platform_id=slo.platform_id, scheme__kind="alert")
    if urgency == "page":
        return rows.filter(pages=True).order_by("-rank").first() or rows.order_by("rank").first()
    return rows.filter(pages=False).order_by("rank").first() or rows.order_by("-rank").first()


@transaction.atomic
def budget_steps_tell(*, at: datetime) -> int:
    """Tell a platform's managers, commanders and admins of a budget's highest step, once a month; how many steps."""
    slos = counted_slos()
    promised = versions_at(slos, at)
    by_window: dict[tuple[str, int, str], list[Slo]] = {}
    for slo in slos:
        version = promised[slo.pk]
        by_window.setdefault((version.window_kind, version.window_days, version.zone), []).append(slo)
    told = 0
    for (kind, days, zone), group in sorted(by_window.items()):
        own = policies(slo.platform_id for slo in group)
        for row in slo_rows(group, window(kind, days=days, zone=ZoneInfo(zone), at=at)):
            step = own[row.slo.platform_id].step(row.budget.used)
            told += step is not None and _tell(row, step, at=at)
    return told


def _tell(row: SloRow, step: Step, *, at: datetime) -> bool:
    platform = row.slo.platform
    key = f"budget:{row.slo.pk}:{step}:{at.astimezone(zone_of(platform.pk)):%Y-%m}"
    if Notice.objects.filter(key=key).exists():
        return False
    told = notify(
        key=key,
        kind="monitoring.budget_step",
        to=Audience(platform.pk, TOLD),
        subject=f"{row.slo.name} of {platform.name}: {percent(row.budget.used, 0)} of the budget used",
        body=STEP_WORDS[step],
        url=f"/slos/{row.slo.pk}/",
        group_key=f"slo:{row.slo.pk}",
        at=at,
        platform_id=platform.pk,
    )
    return told > 0
