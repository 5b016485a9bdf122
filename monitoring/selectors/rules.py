"""Alarm rules for pages, and what their packs say of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from monitoring.models import AlarmRule
from monitoring.selectors.alarms import shown_state
from opsportal.core.actor import Actor
from opsportal.core.pagination import Page, keyset_page
from opsportal.platforms.declared import declared
from opsportal.platforms.models import PolicySource

ROWS: Final = 60


class RuleRows(NamedTuple):
    """One page of rules; `drifted` are those that differ from their pack, by id."""

    page: Page[AlarmRule]
    drifted: frozenset[int]


def rule_rows(actor: Actor, *, at: datetime, platform_id: int | None, cursor: str | None) -> RuleRows:
    """By platform and name, each with its alarm's state as `shown`."""
    rows = AlarmRule.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.select_related("platform", "service", "severity", "alarm")
    page = keyset_page(rows, order=("platform__key", "name", "pk"), cursor=cursor, size=ROWS)
    said = declared("threshold", {row.platform_id for row in page.rows})
    for row in page.rows:
        alarm = getattr(row, "alarm", None)
        if alarm is not None:
            alarm.rule = row
        row.shown = shown_state(alarm, at) if alarm is not None and row.enabled else "unknown"  # type: ignore[attr-defined]
    drifted = {row.pk for row in page.rows if row.source == PolicySource.EDITED and (row.platform_id, row.key) in said}
    return RuleRows(page, frozenset(drifted))


def declared_words(fields: Mapping[str, Any]) -> str:
    """What a pack's threshold says, as people say it."""
    other = fields.get("other_side") or {}
    said = [f"{fields['comparison']} {fields['value']}"]
    said += [f"warning {fields['comparison']} {fields['warning']}"] if "warning" in fields else []
    said += [f"{'warning ' if name == 'warning' else ''}on the other side {other[name]}" for name in sorted(other)]
    return f"{', '.join(said)}; {fields['datapoints']} of {fields['evaluation_periods']} × {fields['period']} s"


def rules_in_force(actor: Actor, *, platform_id: int | None = None) -> list[AlarmRule]:
    """Every rule that is switched on, with its neighbours."""
    rows = AlarmRule.objects.visible_to(actor).of_platform(platform_id).filter(enabled=True)
    return list(rows.select_related("platform", "service", "severity").order_by("platform__key", "name", "pk"))
