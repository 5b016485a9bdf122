"""What packs name and nobody has set up yet: health addresses to ask, jobs that should beat."""

from collections.abc import Sequence
from dataclasses import dataclass

from monitoring.models import Heartbeat, Probe
from opsportal.core.actor import Actor
from opsportal.platforms.declared import declared_policy
from opsportal.platforms.models import Platform


@dataclass(frozen=True, slots=True)
class Named:
    """A probe or a heartbeat as a guide names it; `value` is empty where the guide gives no address or time."""

    platform: Platform
    key: str
    title: str
    value: str
    source: str


def probes_named(actor: Actor, platform_id: int | None) -> Sequence[Named]:
    """Health addresses of packs (policy group `probe`) for which there is no probe of that key."""
    return _missing(actor, platform_id, "probe", Probe)


def heartbeats_named(actor: Actor, platform_id: int | None) -> Sequence[Named]:
    """Jobs of packs (policy group `heartbeat`, `cron text zone`) for which there is no heartbeat of that key."""
    return _missing(actor, platform_id, "heartbeat", Heartbeat)


def _missing(actor: Actor, platform_id: int | None, group: str, model: type[Probe | Heartbeat]) -> list[Named]:
    platforms = {row.pk: row for row in Platform.objects.visible_to(actor).of_platform(platform_id)}
    known = set(model.objects.filter(platform_id__in=platforms).values_list("platform_id", "key"))
    found = [entry for entry in declared_policy(set(platforms), group) if (entry.platform_id, entry.key) not in known]
    return [Named(platforms[one.platform_id], one.key, one.title, one.value, one.source) for one in found]


def rule_of(named: Named) -> tuple[str, str]:
    """Cron text and zone of a job's entry."""
    cron, _, zone = named.value.rpartition(" ")
    return cron, zone
