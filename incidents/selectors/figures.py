"""The record as the figures need it: cases in a period, and how well they are documented."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.db.models import Count, Q

from incidents.choices import ClockKind, OutcomeChoice, StateChoice
from incidents.figures.measures import Case, Share, Target
from incidents.figures.periods import Period
from incidents.models import Incident, IncidentClock
from incidents.selectors.clocks import OVER
from incidents.selectors.documented import is_documented
from opsportal.core.actor import Actor

MOST: Final = 20_000  # incidents a report looks at: the newest of the period
CASE: Final = (
    "number", "platform_id", "service_id", "rank", "impact_started_at", "detected_at", "acknowledged_at",
    "mitigated_at", "resolved_at", "closed_at",
)  # fmt: skip
TargetReader = Callable[[Iterable[int]], Sequence[Target]]
_targets: Final[list[TargetReader]] = []


def register_targets(reader: TargetReader) -> None:
    """What platforms' guides ask of the figures is kept by a room above; from AppConfig.ready."""
    _targets.append(reader)


def targets_of(platform_ids: Iterable[int]) -> list[Target]:
    """The targets that the packs of these platforms state."""
    ids = list(platform_ids)
    return [target for reader in _targets for target in reader(ids)]


def incidents_in(actor: Actor, period: Period, platform_id: int | None) -> Any:
    """Incidents that this person may see and that were declared in the period."""
    rows = Incident.objects.visible_to(actor).of_platform(platform_id)
    return rows.filter(declared_at__gte=period.since, declared_at__lt=period.until)


def cases(actor: Actor, period: Period, platform_id: int | None) -> list[Case]:
    """The cases of a period, newest first."""
    rows = incidents_in(actor, period, platform_id).order_by("-declared_at", "-number")
    found = rows.values_list(*CASE, "merged_into_id")[:MOST]
    return [Case(**dict(zip(CASE, row, strict=True)), is_merged=merged is not None) for *row, merged in found]


def documented(actor: Actor, period: Period, platform_id: int | None) -> Share:
    """Of the incidents that are over, those whose impact, cause and resolution are written (M-INC-09)."""
    rows = incidents_in(actor, period, platform_id).exclude(state=StateChoice.OPEN).filter(merged_into=None)
    found = rows.aggregate(part=Count("pk", filter=is_documented()), whole=Count("pk"))
    return Share(found["part"], found["whole"])


def clock_shares(actor: Actor, period: Period, platform_id: int | None) -> dict[str, Share]:
    """Met of met and missed by kind, of clocks that were due in the period; `` stands for all but reviews."""
    rows = IncidentClock.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.filter(due_at__gte=period.since, due_at__lt=period.until)
    rows = rows.filter(OVER).order_by()
    found = rows.values_list("kind").annotate(part=Count("pk", filter=Q(outcome=OutcomeChoice.MET)), whole=Count("pk"))
    shares = {kind: Share(part, whole) for kind, part, whole in found}
    working = [share for kind, share in shares.items() if kind != ClockKind.REVIEW]
    shares[""] = Share(sum(share.part for share in working), sum(share.whole for share in working))
    return shares
