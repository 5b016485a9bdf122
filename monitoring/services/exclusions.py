"""Time left out of adjusted figures: asked for, approved by another person, voided. Raw figures never change."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from monitoring.counting import recount_exclusion
from monitoring.models import Slo, SloExclusion
from opsportal.audit.services import record, text_digest
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform, Service

LONGEST: Final = timedelta(days=31)  # of what people ask for at once


@transaction.atomic
def exclusion_put(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    service: Service | None,
    slo: Slo | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    ref: str = "",
    url: str = "",
) -> SloExclusion:
    """Ask for [starts_at, ends_at) to be left out of adjusted figures; it counts once another person approved it.

    With a `ref` it comes from a maintenance window, which was planned before: it counts at once, and the same ref
    changes the same row.
    """
    values = {
        "service_id": service.pk if service else None,
        "slo_id": slo.pk if slo else None,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": clean_text(reason)[:240],
        "url": url,
        "voided_at": None,
    }
    made = values | {"requested_by_id": by.user_id, "created_at": at, "approved_at": at if ref else None}
    start, end = starts_at, ends_at
    if ref:
        row, is_new = SloExclusion.objects.select_for_update().get_or_create(platform=platform, ref=ref, defaults=made)
        start, end = min(start, row.starts_at), max(end, row.ends_at)
        changed = {} if is_new else {name: value for name, value in values.items() if getattr(row, name) != value}
        if changed:
            row.update_versioned(expected=row.version, **changed)
        if not is_new and not changed:
            return row
        _recount(row, start, end)
    else:
        row = SloExclusion.objects.create(platform=platform, **made)
    digest = text_digest(row.reason, salt=f"exclusion-{row.pk}")
    _audit(by, at, "set", row, {"ref": ref, "starts_at": starts_at, "ends_at": ends_at, "reason": digest})
    return row


@transaction.atomic
def exclusion_approve(*, by: Actor, at: datetime, exclusion: SloExclusion, expected: int) -> None:
    """Let an exclusion count. Raises DeniedError for who asked for it, VersionConflictError when it is settled."""
    if exclusion.requested_by_id is not None and exclusion.requested_by_id == by.user_id:
        raise DeniedError("monitoring.slo_exclusion_approve", "Another person approves what you asked for.")
    if exclusion.approved_at is not None or exclusion.voided_at is not None:
        raise VersionConflictError(exclusion)
    exclusion.update_versioned(expected=expected, approved_at=at, approved_by_id=by.user_id)
    _recount(exclusion, exclusion.starts_at, exclusion.ends_at)
    _audit(by, at, "approved", exclusion, {})


@transaction.atomic
def exclusion_void(*, by: Actor, at: datetime, exclusion: SloExclusion, reason: str, expected: int) -> None:
    """Take an exclusion back, or decline one that waits; the row stays with why.

    Raises VersionConflictError, also when it is void already.
    """
    if exclusion.voided_at is not None:
        raise VersionConflictError(exclusion)
    exclusion.update_versioned(expected=expected, voided_at=at, void_reason=clean_text(reason)[:240])
    _recount(exclusion, exclusion.starts_at, exclusion.ends_at)
    _audit(by, at, "voided", exclusion, {})


def _recount(row: SloExclusion, start: datetime, end: datetime) -> None:
    recount_exclusion(platform_id=row.platform_id, slo_id=row.slo_id, service_id=row.service_id, start=start, end=end)


def _audit(by: Actor, at: datetime, verb: str, row: SloExclusion, data: Mapping[str, object]) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.slo_exclusion.{verb}",
        obj_kind="monitoring.sloexclusion",
        obj_id=row.pk,
        platform_id=row.platform_id,
        data=data,
    )
