"""The audit trail as auditors read it: filtered, with people's present names put beside their ids."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast, Concat

from incidents.models import ActionItem, Incident
from monitoring.models.marks import Annotation, AnnotationKind
from opsportal.accounts.models import User
from opsportal.audit.models import PORTAL_CHAIN, AuditCheckpoint, AuditEntry, AuditHead
from opsportal.core.actor import Actor
from opsportal.core.conflicts import LastChange
from opsportal.core.gate import allows
from opsportal.core.models import VersionedModel
from opsportal.platforms.models import Platform

VIEW = "reports.audit_view"
DRAFTED = "incidents.review.drafted"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """What to show; empty fields mean everything the actor may read."""

    chain: int | None = None
    verb: str = ""
    obj_kind: str = ""
    obj_id: str = ""
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One act with names for its ids."""

    entry: AuditEntry
    actor: str
    chain: str

    @property
    def pk(self) -> int:
        return self.entry.pk

    @property
    def facts(self) -> str:
        """The payload as `key value` pairs."""
        return ", ".join(
            f"{key} {value}" for key, value in sorted(self.entry.data.items()) if value not in (None, "", [])
        )


@dataclass(frozen=True, slots=True)
class ChainState:
    """How far a chain is witnessed outside the database."""

    name: str
    rows: int
    witnessed: int
    at: datetime | None

    @property
    def younger(self) -> int:
        return max(0, self.rows - self.witnessed)


def readable_chains(actor: Actor) -> dict[int, str]:
    """The chains this actor may read, with their names: platforms by role, the portal's for its administrators."""
    platforms = Platform.objects.visible_to(actor).order_by("name", "pk")
    chains = {platform.pk: platform.name for platform in platforms if allows(actor, VIEW, platform)}
    return chains | ({PORTAL_CHAIN: "Portal"} if actor.is_portal_admin or actor.sees_all else {})


def audit_entries(actor: Actor, chains: Iterable[int], chosen: AuditFilter) -> QuerySet[AuditEntry]:
    """The entries of these chains that match and that the actor may know of; the caller orders them."""
    rows = _without_hidden(actor, AuditEntry.objects.filter(chain__in=list(chains)))
    if chosen.chain is not None:
        rows = rows.filter(chain=chosen.chain)
    if chosen.verb:
        rows = rows.filter(verb__startswith=chosen.verb)
    if chosen.obj_kind:
        rows = rows.filter(obj_kind=chosen.obj_kind)
    if chosen.obj_id:
        rows = rows.filter(obj_id=chosen.obj_id)
    if chosen.user_id is not None:
        rows = rows.filter(actor_user_id=chosen.user_id)
    if chosen.since is not None:
        rows = rows.filter(at__gte=chosen.since)
    if chosen.until is not None:
        rows = rows.filter(at__lt=chosen.until)
    return rows


def _without_hidden(actor: Actor, rows: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
    """Leave out what was done to restricted incidents this actor is not named in, to their actions and marks."""
    if actor.sees_all:
        return rows
    hidden = Incident.objects.hidden_from(actor)
    items = ActionItem.objects.filter(incident__in=hidden).order_by()
    references = hidden.values_list(Concat(Value("INC-"), Cast("number", CharField())))
    marks = Annotation.objects.filter(kind=AnnotationKind.INCIDENT, ref__in=references).order_by()
    for kind, found in (("incident", hidden), ("action_item", items), ("monitoring.annotation", marks)):
        rows = rows.exclude(obj_kind=kind, obj_id__in=found.values_list(Cast("pk", CharField())))
    return rows


def with_names(entries: Iterable[AuditEntry], chains: Mapping[int, str]) -> Iterator[AuditRow]:
    """Put names to ids; a person who is gone stays a number."""
    found = list(entries)
    ids = {entry.actor_user_id for entry in found if entry.actor_user_id is not None}
    names = dict(User.objects.filter(pk__in=ids).order_by().values_list("pk", "name"))
    for entry in found:
        yield AuditRow(entry, _actor_name(entry, names), chains.get(entry.chain, str(entry.chain)))


def _actor_name(entry: AuditEntry, names: Mapping[int, str]) -> str:
    if entry.actor_user_id is None:
        return entry.actor_system or entry.actor_kind
    name = names.get(entry.actor_user_id, f"person {entry.actor_user_id}")
    return f"{name} (token {entry.actor_token_id})" if entry.actor_token_id else name


def chain_states(chains: Mapping[int, str]) -> list[ChainState]:
    """How each chain stands against its anchor."""
    heads = dict(AuditHead.objects.filter(chain__in=chains).order_by().values_list("chain", "seq"))
    last: dict[int, tuple[int, datetime]] = {
        chain: (seq, at)
        for chain, seq, at in AuditCheckpoint.objects.filter(chain__in=chains)
        .order_by("chain", "-seq", "-pk")
        .distinct("chain")
        .values_list("chain", "seq", "at")
    }
    return [
        ChainState(name, heads[chain], *last.get(chain, (0, None))) for chain, name in chains.items() if chain in heads
    ]


def last_change(row: VersionedModel) -> LastChange | None:
    """Who changed this row last, for the merge page: the trail knows it by kind and number."""
    name = type(row).__name__
    kinds = {name.lower(), re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()}
    # A review is drafted under its incident's name and leaves that row as it was.
    entries = AuditEntry.objects.filter(obj_kind__in=kinds, obj_id=str(row.pk)).exclude(verb=DRAFTED)
    latest = entries.order_by("-at", "-pk").first()
    if latest is None:
        return None
    if latest.actor_user_id is None:
        return LastChange(f"The portal ({latest.actor_system.rpartition('.')[2]})", latest.at)
    return LastChange(next(with_names([latest], {})).actor, latest.at)
