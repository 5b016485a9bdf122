"""The rows behind the figures of incidents and changes: what a page lists and the API answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q

from incidents.figures.periods import Period
from incidents.selectors.documented import is_documented
from incidents.selectors.figures import cases, incidents_in
from monitoring.models import Deployment
from opsportal.core.actor import Actor
from opsportal.reports.incidents.selectors import (
    CAUSES,
    FAILED,
    GROUPS,
    MEANS,
    NAMES,
    ROLLED_BACK,
    TIMES,
    facts,
    failed_changes,
    label_of,
    lengths,
)

ENDED_BADLY: Final[Mapping[str, str]] = {**dict.fromkeys(ROLLED_BACK, "rolled back"), FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Behind:
    """Incidents of a figure; of one of lengths, each one's by its number, and how many were left out by reason."""

    rows: Any
    title: str = "All incidents"
    means: str = "declared in this time"
    values: Mapping[int, timedelta] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)


def incidents_behind(
    actor: Actor, asked: Period, platform_id: int | None, figure: str, *, only_part: bool = False
) -> Behind:
    """Those that a figure looks at; `only_part` for those that a share counts as its part. Unknown figures: all."""
    rows: Any = incidents_in(actor, asked, platform_id)
    if figure in TIMES:
        made = lengths(figure, cases(actor, asked, platform_id))
        values = {value.number: value.length for value in made.values}
        return Behind(rows, NAMES[figure], MEANS[figure], values, made.excluded)
    if figure == "documented":
        rows = rows.exclude(state="open").filter(merged_into=None)
        rows = rows.filter(is_documented()) if only_part else rows
        return Behind(rows, NAMES[figure], MEANS[figure])
    return Behind(rows)


def incidents_of_group(actor: Actor, asked: Period, platform_id: int | None, group: str, key: str) -> Behind:
    """Those that share a service, a severity, an hour, …: `group` is one of GROUPS."""
    known = facts(actor, asked, platform_id)
    numbers = [number for number, one in known.items() if one[group] == key]
    words = label_of(group, (known[number] for number in numbers)) if numbers else CAUSES.get(key, "none")
    return Behind(incidents_in(actor, asked, platform_id).filter(number__in=numbers), f"{GROUPS[group]}: {words}")


def changes_behind(
    actor: Actor, asked: Period, platform_id: int | None, *, only: str = ""
) -> tuple[Any, Mapping[int, Sequence[int]]]:
    """The deployments of a figure, and the incidents that followed each; `only` change_failure or rollback."""
    followed = failed_changes(actor, asked, platform_id)
    rows: Any = Deployment.objects.visible_to(actor).of_platform(platform_id).counted()
    rows = rows.filter(started_at__gte=asked.since, started_at__lt=asked.until).select_related("platform", "service")
    if only == "rollback":
        rows = rows.filter(state__in=ROLLED_BACK)
    elif only == "change_failure":
        rows = rows.filter(Q(pk__in=followed) | Q(state__in=ENDED_BADLY))
    return rows, followed
