"""What the pages of packs and policy show."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, Max

from incidents.figures.measures import Target, targets
from opsportal.core.actor import Actor
from opsportal.packs.conflicts import CONFLICTS
from opsportal.packs.documents import PackError
from opsportal.packs.models import PackObject, PolicyEntry
from opsportal.packs.pack import pack_head, pack_names
from opsportal.platforms.declared import Declared, DeclaredPolicy
from opsportal.platforms.models import Platform


@dataclass(frozen=True, slots=True)
class PackRow:
    """A pack and what it was last applied as; `error` is set when its first file cannot be read."""

    name: str
    version: str
    guide: str
    platform_key: str
    platform: Platform | None
    applied_version: str
    applied_at: datetime | None
    objects: int
    error: str = ""


def pack_rows() -> list[PackRow]:
    """Every pack that comes with the portal, in two queries."""
    platforms = {platform.key: platform for platform in Platform.objects.order_by("pk")}
    applied = {
        row["platform_id"]: row
        for row in PackObject.objects.values("platform_id").annotate(
            number=Count("pk"), last=Max("applied_at"), version=Max("pack_version")
        )
    }
    rows = []
    for name in pack_names():
        try:
            head = pack_head(name)
        except PackError as error:
            rows.append(PackRow(name, "", "", name, platforms.get(name), "", None, 0, str(error.problems[0])))
            continue
        platform = platforms.get(head.platform_key)
        found: Mapping[str, Any] = applied.get(platform.pk, {}) if platform else {}
        rows.append(
            PackRow(
                name,
                head.version,
                head.guide,
                head.platform_key,
                platform,
                found.get("version", ""),
                found.get("last"),
                found.get("number", 0),
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """Entries that belong together: a group such as retention, or one contradiction across platforms."""

    name: str
    entries: Sequence[PolicyEntry]


def figure_targets(platform_ids: Iterable[int]) -> list[Target]:
    """What the guides of these platforms ask of incident figures (M-MET-01): policies that give numbers."""
    rows = PolicyEntry.objects.filter(platform_id__in=platform_ids, group="objective").exclude(figures={})
    return [
        target
        for row in rows.order_by("platform_id", "pk")
        for target in targets(row.platform_id, row.figures, row.source_text)
    ]


def policy_declared(platform_ids: Collection[int], group: str) -> list[DeclaredPolicy]:
    """What these platforms' policy says of capacity or cost."""
    rows = PolicyEntry.objects.filter(platform_id__in=platform_ids, group=group).order_by("platform_id", "pk")
    fields = ("platform_id", "group", "key", "title", "value", "figures", "source_text")
    return [DeclaredPolicy(*row) for row in rows.values_list(*fields)]


def declared_objects(kind: str, platform_ids: Collection[int]) -> dict[tuple[int, str], Declared]:
    """The objects of one kind as these platforms' packs were applied last."""
    rows = PackObject.objects.filter(platform_id__in=platform_ids, kind=kind).order_by("pk")
    found = rows.values_list("platform_id", "key", "pack_version", "applied_at", "declared")
    return {(platform, key): Declared(version, at, fields) for platform, key, version, at, fields in found}


def policy_groups(actor: Actor, *, platform_id: int) -> list[PolicyGroup]:
    """A platform's policy entries by group."""
    rows = PolicyEntry.objects.visible_to(actor).filter(platform_id=platform_id).order_by("group", "pk")
    return [
        PolicyGroup(name.replace("-", " ").capitalize(), list(entries))
        for name, entries in groupby(rows, key=lambda entry: entry.group)
    ]


def contradictions(actor: Actor) -> list[PolicyGroup]:
    """What the platforms an actor may see say differently, side by side."""
    rows = PolicyEntry.objects.visible_to(actor).exclude(conflicts=[]).select_related("platform")
    entries = list(rows.order_by("platform_id", "pk"))
    found = {name: [entry for entry in entries if name in entry.conflicts] for name in CONFLICTS}
    return [PolicyGroup(f"{name}: {CONFLICTS[name]}", own) for name, own in found.items() if own]
