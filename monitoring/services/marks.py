"""Marks over the time line, written by upper apps and people: annotations, silences, exclusions, deployments."""

from datetime import datetime
from typing import Any

from django.db import transaction

from monitoring.counting import recount_exclusion
from monitoring.models import Alarm, Annotation, Deployment, Silence, Slo, SloExclusion
from opsportal.audit.services import record, text_digest
from opsportal.core.actor import Actor
from opsportal.core.live import touch
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Platform, Service


def _audit(by: Actor, at: datetime, verb: str, row: Any, **data: object) -> None:
    record(
        by=by,
        at=at,
        verb=f"monitoring.{verb}",
        obj_kind=f"monitoring.{row._meta.model_name}",
        obj_id=row.pk,
        platform_id=row.platform_id,
        data=data,
    )


@transaction.atomic
def annotation_put(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    service: Service | None,
    kind: str,
    ref: str,
    title: str,
    url: str,
    starts_at: datetime,
    ends_at: datetime | None = None,
    restricted: bool = False,
) -> Annotation:
    """Lay a mark over charts (and, of kind *incident*, over budgets). One row per platform, kind and ref."""
    values = {
        "service_id": service.pk if service else None,
        "title": clean_text(title)[:240],
        "url": url,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "restricted": restricted,
    }
    row, is_new, changed = Annotation.put(match={"platform": platform, "kind": kind, "ref": ref}, values=values)
    if is_new or changed:
        _audit(by, at, "annotation.changed", row, ref=ref, kind=kind)
    return row


@transaction.atomic
def silence_put(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    service: Service | None,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    ref: str = "",
    url: str = "",
    alarm: Alarm | None = None,
) -> Silence:
    """Let alarms call nobody in [starts_at, ends_at). With a `ref` the same silence is changed, else a new one made."""
    values = {
        "service_id": service.pk if service else None,
        "alarm_id": alarm.pk if alarm else None,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": clean_text(reason)[:240],
        "url": url,
    }
    made = {"created_by_id": by.user_id, "created_at": at}
    if ref:
        row, is_new, changed = Silence.put(match={"platform": platform, "ref": ref}, values=values, made=made)
        if not (is_new or changed):
            return row
    else:
        row = Silence.objects.create(platform=platform, **made, **values)
    touch("today", row.pk)
    digest = text_digest(row.reason, salt=f"silence-{row.pk}")
    _audit(by, at, "silence.set", row, ref=ref, starts_at=starts_at, ends_at=ends_at, reason=digest)
    return row


@transaction.atomic
def silence_end(*, by: Actor, at: datetime, silence: Silence, expected: int) -> None:
    """End a silence now; one that is over stays as it was. Raises VersionConflictError."""
    if silence.ends_at <= at:
        return
    ends_at = max(at, silence.starts_at)
    silence.update_versioned(expected=expected, ends_at=ends_at)
    touch("today", silence.pk)
    _audit(by, at, "silence.ended", silence, ends_at=ends_at)


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
    approved_by_id: int | None = None,
) -> SloExclusion:
    """Leave [starts_at, ends_at) out of adjusted figures; buckets are recounted here, raw figures never change."""
    values = {
        "service_id": service.pk if service else None,
        "slo_id": slo.pk if slo else None,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "reason": clean_text(reason)[:240],
        "url": url,
        "approved_by_id": approved_by_id,
        "voided_at": None,
    }
    made = values | {"requested_by_id": by.user_id, "created_at": at}
    start, end = starts_at, ends_at
    if ref:
        row, is_new = SloExclusion.objects.select_for_update().get_or_create(platform=platform, ref=ref, defaults=made)
        start, end = min(start, row.starts_at), max(end, row.ends_at)
        changed = {} if is_new else {name: value for name, value in values.items() if getattr(row, name) != value}
        if changed:
            row.update_versioned(expected=row.version, **changed)
        if not is_new and not changed:
            return row
    else:
        row = SloExclusion.objects.create(platform=platform, **made)
    _recount(row, start, end, at)
    digest = text_digest(row.reason, salt=f"exclusion-{row.pk}")
    _audit(by, at, "slo_exclusion.set", row, ref=ref, starts_at=starts_at, ends_at=ends_at, reason=digest)
    return row


@transaction.atomic
def exclusion_void(*, by: Actor, at: datetime, exclusion: SloExclusion, reason: str, expected: int) -> None:
    """Take an exclusion back; the row stays with who and why. Raises VersionConflictError."""
    exclusion.update_versioned(expected=expected, voided_at=at, void_reason=clean_text(reason)[:240])
    _recount(exclusion, exclusion.starts_at, exclusion.ends_at, at)
    _audit(by, at, "slo_exclusion.voided", exclusion)


def _recount(row: SloExclusion, start: datetime, end: datetime, at: datetime) -> None:
    recount_exclusion(
        platform_id=row.platform_id, slo_id=row.slo_id, service_id=row.service_id, start=start, end=end, at=at
    )


@transaction.atomic
def deployment_put(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    platform: Platform,
    service: Service | None,
    external_id: str,
    label: str,
    state: str,
    started_at: datetime,
    finished_at: datetime | None = None,
    detail: str = "",
) -> Deployment:
    """Note a deployment, or how it went on. One row per platform and external id."""
    values = {
        "service_id": service.pk if service else None,
        "label": clean_text(label)[:160],
        "state": state,
        "started_at": started_at,
        "finished_at": finished_at,
        "detail": clean_text(detail)[:240],
    }
    row, is_new, changed = Deployment.put(match={"platform": platform, "external_id": external_id}, values=values)
    if is_new or changed:
        touch("today", row.pk)
        _audit(by, at, "deployment.changed", row, state=state)
    return row
