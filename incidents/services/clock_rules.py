"""A platform's clock rules, edited here: how long a clock of a severity runs, in which hours, when it warns."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction

from incidents import clocks
from incidents.choices import ClockKind, DueRuleChoice
from incidents.errors import IncidentError
from incidents.models import ClockPolicy
from incidents.services.clocks import calendar_of
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.platforms.days import today_of
from opsportal.platforms.models import PolicySource, Severity

FIELDS: Final = ("minutes", "calendar", "due_rule", "due_on", "warn_share", "may_pause", "text", "note")
LONGEST: Final = 366 * 24 * 60  # minutes
FARTHEST: Final = timedelta(days=366)


@transaction.atomic
def clock_rule_set(
    *, by: Actor, at: datetime, severity: Severity, kind: str, expected: int, values: Mapping[str, Any]
) -> ClockPolicy:
    """Write the rule of one clock of one severity; `expected` 0 is one that there is none of yet.

    Clocks that run keep the due instant, the words, the hours and the version they began with.
    Raises IncidentError, VersionConflictError.
    """
    platform_id = severity.scheme.platform_id
    written = {**{name: values[name] for name in FIELDS}, "text": clean_text(values["text"]).strip()[:160]}
    written |= {"note": clean_text(values["note"]).strip(), "source": PolicySource.EDITED, "source_text": ""}
    _check(platform_id, kind, written, at)
    rows = ClockPolicy.objects.select_for_update(of=("self",)).filter(severity=severity, kind=kind)
    row: ClockPolicy | None = rows.first()
    before = said_of(row) if row is not None else {}
    if row is None and expected:
        raise IncidentError("This rule was removed meanwhile; look again.")
    if row is None:
        try:
            with transaction.atomic():
                row = ClockPolicy.objects.create(platform_id=platform_id, severity=severity, kind=kind, **written)
        except IntegrityError as error:
            raise IncidentError("Someone wrote this rule a moment ago; look again.") from error
    elif row.version != expected:
        raise VersionConflictError(row)
    elif not changes_of(before, {name: written[name] for name in FIELDS}):
        return row
    else:
        row.update_versioned(expected=expected, **written)
    record(
        by=by,
        at=at,
        verb="incidents.clock_rule.changed",
        obj_kind="clock_policy",
        obj_id=row.pk,
        platform_id=platform_id,
        data={
            "severity": severity.pk,
            "rank": severity.rank,
            "kind": kind,
            "version": row.version,
            "before": _plain(before),
            "after": _plain(said_of(row)),
        },
    )
    return row


def said_of(row: ClockPolicy) -> dict[str, Any]:
    """What a rule says, by field."""
    return {name: getattr(row, name) for name in FIELDS}


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Field, what it said, what it would say; `before` is empty for a new rule."""
    return [(name, before.get(name), after[name]) for name in FIELDS if before.get(name) != after[name]]


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """As the audit keeps it: no prose, and the calendar by its key."""
    plain = {name: said[name] for name in said if name not in ("text", "note")}
    if said:
        plain["calendar"] = said["calendar"].key if said["calendar"] is not None else None
        plain["due_on"] = said["due_on"].isoformat() if said["due_on"] is not None else None
    return plain


def _check(platform_id: int, kind: str, said: Mapping[str, Any], at: datetime) -> None:
    """Raises IncidentError naming what does not fit."""
    calendar, minutes, rule = said["calendar"], said["minutes"], said["due_rule"]
    if kind not in ClockKind.values or rule not in DueRuleChoice.values:
        raise IncidentError("There is no such clock.")
    if not said["note"]:
        raise IncidentError("Say why the rule changes.")
    if minutes is not None and not 0 < minutes <= LONGEST:
        raise IncidentError("The time is 1 minute to a year.")
    if said["warn_share"] is not None and not 0 < said["warn_share"] < 1:
        raise IncidentError("It warns after a share of the time, between 0 and 1.")
    today = today_of(platform_id, at)
    if said["due_on"] is not None and not today <= said["due_on"] <= today + FARTHEST:
        raise IncidentError("The sprint ends between today and a year from now.")
    if calendar is not None and calendar.platform_id != platform_id:
        raise IncidentError("This calendar belongs to another platform.")
    if rule == DueRuleChoice.NEXT_BUSINESS_DAY and calendar is None:
        raise IncidentError("The next business day needs a calendar.")
    if calendar is not None:
        try:
            clocks.due_at(at, minutes or 1, calendar_of(calendar))
        except clocks.CalendarError as error:
            raise IncidentError(f"{calendar.name} never gives this time: {error}") from error
