"""Marks over the time line, written by upper apps and people: annotations, silences, deployments."""

from datetime import datetime
from typing import Any

from django.db import transaction

from monitoring.models import Alarm, Annotation, Deployment, Silence
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
    is_restart: bool = False,
    is_production: bool = True,
) -> Deployment:
    """Note a deployment, or how it went on. One row per platform and external id; what it is is said once."""
    values = {
        "service_id": service.pk if service else None,
        "label": clean_text(label)[:160],
        "state": state,
        "started_at": started_at,
        "finished_at": finished_at,
        "detail": clean_text(detail)[:240],
        "is_production": is_production,
    }
    row, is_new, changed = Deployment.put(
        match={"platform": platform, "external_id": external_id}, values=values, made={"is_restart": is_restart}
    )
    if is_new or changed:
        touch("today", row.pk)
        _audit(by, at, "deployment.changed", row, state=state)
    return row
