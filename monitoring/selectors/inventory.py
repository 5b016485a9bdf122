"""The inventory: every resource with its owner, its tags, when it was last seen and what watches it."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from monitoring.models import INVENTORY, Resource, ResourceKind
from opsportal.core.actor import Actor
from opsportal.core.pagination import rank_of

WORST_RESOURCES: Final = ("rank", "kind", "parent", "-made_at", "pk")
UNWATCHED: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the inventory is asked for; `watched` "nothing" leaves what nothing watches."""

    platform_id: int | None = None
    kind: str = ""
    watched: str = ""
    text: str = ""


def asked_of(*, platform_id: int | None, kind: str, watched: str, text: str) -> Asked:
    """The filter as it was typed; words that it does not know ask for everything."""
    return Asked(
        platform_id=platform_id,
        kind=kind if kind in ResourceKind.values else "",
        watched=watched if watched == UNWATCHED else "",
        text=text.strip()[:100],
    )


def inventory(actor: Actor, asked: Asked) -> QuerySet[Resource]:
    """Resources of the actor's platforms, to be ordered by WORST_RESOURCES; records only where their kind is named."""
    rows = Resource.objects.visible_to(actor).of_platform(asked.platform_id)
    rows = rows.filter(kind=asked.kind) if asked.kind else rows.filter(kind__in=INVENTORY)
    if asked.watched:
        rows = rows.filter(watched_by=[], kind__in=INVENTORY)
    if asked.text:
        named = Q(identifier__icontains=asked.text) | Q(parent__icontains=asked.text)
        rows = rows.filter(named | Q(service__name__icontains=asked.text) | Q(tags__icontains=asked.text))
    ranked: QuerySet[Resource] = rows.select_related("platform", "service", "account").annotate(
        # Of what is known by its tags only no state is read: that is no news to put first.
        rank=Case(
            When(kind=ResourceKind.OTHER, then=Value(9)),
            default=rank_of("state", ("fail", "warn", "unknown")),
            output_field=IntegerField(),
        ),
        made_at=Coalesce("happened_at", "fetched_at"),
    )
    return ranked


@dataclass(frozen=True, slots=True)
class Sums:
    """How many resources there are and how many of them nothing watches, also by kind."""

    total: int
    unwatched: int
    by_kind: dict[str, int]


def sums(actor: Actor, *, platform_id: int | None = None) -> Sums:
    """The figures over the inventory."""
    rows = Resource.objects.visible_to(actor).of_platform(platform_id).order_by()
    counted = rows.values("kind").annotate(n=Count("pk"), bare=Count("pk", filter=Q(watched_by=[])))
    found = {row["kind"]: (row["n"], row["bare"]) for row in counted}
    mine = [found[kind] for kind in INVENTORY if kind in found]
    return Sums(sum(n for n, _ in mine), sum(bare for _, bare in mine), {kind: n for kind, (n, _) in found.items()})
