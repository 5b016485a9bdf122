"""Load a pack with every check, and apply it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from monitoring.services.binding import series_bind
from opsportal.accounts.models import User
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.packs.documents import PackError
from opsportal.packs.kinds import KINDS, ApplyError, Data, data_hash
from opsportal.packs.models import PackObject
from opsportal.packs.pack import Pack, pack_names, read_pack
from opsportal.packs.planning import Action, Change, PackPlan, pack_plan
from opsportal.packs.references import reference_problems
from opsportal.platforms.models import Platform
from opsportal.platforms.services.platforms import platform_create

__all__ = ["Applied", "PlanChangedError", "load_pack", "pack_apply", "pack_names", "pack_plan"]


class PlanChangedError(Exception):
    """Between showing the plan and confirming it, the pack or the platform changed."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did."""

    platform: Platform
    counts: Mapping[str, int]
    kept: tuple[Change, ...]

    @property
    def written(self) -> int:
        return self.counts["create"] + self.counts["update"]


def load_pack(reference: str) -> Pack:
    """A pack by name or directory, checked wholly; raises PackError naming file, line and field."""
    pack = read_pack(reference)
    problems = reference_problems(pack)
    if problems:
        raise PackError(problems)
    return pack


@transaction.atomic
def pack_apply(
    reference: str,
    *,
    by: Actor,
    at: datetime,
    overwrite_drift: bool = False,
    confirmed: str | None = None,
    admin: User | None = None,
) -> Applied:
    """Write what differs; applying twice changes nothing.

    What was edited here is kept and reported unless `overwrite_drift`. `confirmed` is the token of the plan that a
    person agreed to; `admin` becomes the first admin of a platform that the pack makes.
    Raises PackError, PlanChangedError, ApplyError, VersionConflictError; then nothing is written.
    """
    pack = load_pack(reference)
    platform = Platform.objects.select_for_update().filter(key=pack.platform_key).first()
    plan = pack_plan(pack)
    if confirmed is not None and confirmed != plan.token:
        raise PlanChangedError
    if platform is None:
        platform = platform_create(by=by, at=at, key=pack.platform_key, name=pack.platform_key, admin=admin)
    kept = _write(plan, platform, by=by, at=at, overwrite=overwrite_drift)
    series_bind(by=by, at=at, platform=platform)
    return Applied(platform, plan.counts, kept)


def _write(plan: PackPlan, platform: Platform, *, by: Actor, at: datetime, overwrite: bool) -> tuple[Change, ...]:
    written: dict[str, dict[str, str]] = defaultdict(dict)
    kept: list[Change] = []
    done: list[PackObject] = []
    for change in plan.changes:
        if change.item is None or change.data is None:
            PackObject.objects.filter(platform=platform, kind=change.kind, key=change.key).delete()
            written[change.kind][change.key] = change.action.value
        elif change.action.is_kept and not overwrite:
            kept.append(change)
        else:
            if change.action is not Action.UNCHANGED:
                _write_one(change.kind, change.key, change.data, platform, by=by, at=at)
                written[change.kind][change.key] = change.action.value
            done.append(
                PackObject(
                    platform=platform,
                    kind=change.kind,
                    key=change.key,
                    applied_hash=data_hash(change.data),
                    applied_at=at,
                    pack_version=plan.pack.version,
                    declared=change.item.data,
                )
            )
    _remember(done, platform)
    for kind, keys in written.items():
        record(
            by=by,
            at=at,
            verb="packs.object.applied",
            obj_kind="platform",
            obj_id=platform.pk,
            platform_id=platform.pk,
            # A pack may hold more objects than a row of the trail: their number and a hash of the list stand for them.
            data={
                "pack": plan.pack.name,
                "version": plan.pack.version,
                "kind": kind,
                "objects": len(keys),
                "objects_hash": data_hash(keys),
            },
        )
    return tuple(kept)


def _write_one(kind: str, key: str, data: Data, platform: Platform, *, by: Actor, at: datetime) -> None:
    try:
        KINDS[kind].write(platform, key, data, by=by, at=at)
    except ObjectDoesNotExist as error:
        # Its neighbour was kept as edited here, and lacks what this object names.
        raise ApplyError(f"{kind} {key} needs what was edited here: {error} Let the pack win over it.") from error


def _remember(done: list[PackObject], platform: Platform) -> None:
    """Keep what was applied as the next comparison's base; a row that says the same already keeps its time."""
    said = ("applied_hash", "pack_version", "declared")
    known = {(row.kind, row.key): row for row in PackObject.objects.filter(platform=platform)}
    changed = []
    for row in done:
        before = known.get((row.kind, row.key))
        if before is None or any(getattr(before, name) != getattr(row, name) for name in said):
            changed.append(row)
    PackObject.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["platform", "kind", "key"],
        update_fields=[*said, "applied_at"],
    )
