"""Three-way comparison: what the pack declares, what was applied last, what stands in the database now."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from opsportal.packs.kinds import KINDS, Context, Data, canonical, data_hash
from opsportal.packs.models import PackObject
from opsportal.packs.pack import Pack, PackItem
from opsportal.platforms.models import Platform


class Action(StrEnum):
    """What applying the pack would do to one object."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DRIFT = "drift"  # the pack did not change, somebody edited here
    CONFLICT = "conflict"  # both changed
    RELEASED = "released"  # no longer in the pack; the row stays

    @property
    def is_kept(self) -> bool:
        """Whether the state here wins unless overwriting is asked for."""
        return self in (Action.DRIFT, Action.CONFLICT)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs between the pack and the database."""

    field: str
    here: Any
    pack: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one object; `item` is None for one that the pack does not have any more."""

    kind: str
    key: str
    action: Action
    fields: tuple[FieldChange, ...] = ()
    item: PackItem | None = None
    data: Data | None = None

    @property
    def place(self) -> str:
        return f"{self.item.document.file}:{self.item.line}" if self.item else ""


@dataclass(frozen=True, slots=True)
class PackPlan:
    """Everything applying `pack` would do."""

    pack: Pack
    platform: Platform | None
    changes: tuple[Change, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        found = Counter(change.action.value for change in self.changes)
        return {action.value: found[action.value] for action in Action}

    @property
    def visible(self) -> tuple[Change, ...]:
        """Only what differs."""
        return tuple(change for change in self.changes if change.action is not Action.UNCHANGED)

    @property
    def has_kept(self) -> bool:
        return any(change.action.is_kept for change in self.changes)

    @property
    def token(self) -> str:
        """Names exactly this plan, so that what is applied is what was confirmed."""
        return data_hash(
            {"changes": [[c.kind, c.key, c.action, c.data, [f.here for f in c.fields]] for c in self.changes]}
        )


def pack_plan(pack: Pack) -> PackPlan:
    """Compare; reads only."""
    platform = Platform.objects.filter(key=pack.platform_key).first()
    context = pack.context
    bases = _bases(platform)
    rows = {name: kind.load(platform) for name, kind in KINDS.items()} if platform is not None else {}
    changes = [
        compare(item, rows.get(item.kind, {}).get(item.key), bases.pop((item.kind, item.key), None), context)
        for item in pack.items
    ]
    changes += [Change(kind, key, Action.RELEASED) for kind, key in bases]
    return PackPlan(pack, platform, tuple(changes))


def _bases(platform: Platform | None) -> dict[tuple[str, str], str]:
    if platform is None:
        return {}
    rows = PackObject.objects.filter(platform=platform).order_by("pk")
    return {(kind, key): applied for kind, key, applied in rows.values_list("kind", "key", "applied_hash")}


def compare(item: PackItem, found: Data | None, base: str | None, context: Context) -> Change:
    """Where one declared object stands against its rows (`found`) and what was applied last (`base`, a hash)."""
    wanted = canonical(KINDS[item.kind].shape(item.data, context))
    if found is None:
        return Change(item.kind, item.key, Action.CREATE, (), item, wanted)
    here = canonical(found)
    if here == wanted:
        return Change(item.kind, item.key, Action.UNCHANGED, (), item, wanted)
    if base == data_hash(here):
        action = Action.UPDATE
    elif base == data_hash(wanted):
        action = Action.DRIFT
    else:
        action = Action.CONFLICT
    return Change(item.kind, item.key, action, _differences(here, wanted), item, wanted)


def _differences(here: Data, wanted: Data) -> tuple[FieldChange, ...]:
    names = dict.fromkeys([*wanted, *here])
    return tuple(
        FieldChange(name, here.get(name), wanted.get(name)) for name in names if here.get(name) != wanted.get(name)
    )
