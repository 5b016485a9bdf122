"""Platforms, and the rows of their policy that people edit one by one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from opsportal.accounts.models import User
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError, VersionedModel
from opsportal.core.refusals import ConflictingError
from opsportal.platforms.models import Platform, PolicySource
from opsportal.platforms.services.members import member_set

R = TypeVar("R", bound=VersionedModel)


class PlatformError(ConflictingError):
    """The change would break a rule of the platform; the text says which."""


@transaction.atomic
def platform_create(
    *, by: Actor, at: datetime, key: str, name: str, description: str = "", admin: User | None = None
) -> Platform:
    """An empty platform; `admin` becomes its first admin. Raises PlatformError when the key is taken."""
    try:
        with transaction.atomic():
            platform = Platform.objects.create(key=key, name=name, description=description, created_at=at)
    except IntegrityError as error:
        raise PlatformError(f"There is already a platform with the key {key}.") from error
    if admin is not None:
        member_set(by=by, at=at, platform=platform, user=admin, role="admin")
    record(
        by=by,
        at=at,
        verb="platforms.platform.created",
        obj_kind="platform",
        obj_id=platform.pk,
        platform_id=platform.pk,
        data={"key": key},
    )
    return platform


def _audit_row(by: Actor, at: datetime, verb: str, platform: Platform, row: VersionedModel, fields: list[str]) -> None:
    kind = str(row._meta.model_name)
    record(
        by=by,
        at=at,
        verb=f"platforms.{kind}.{verb}",
        obj_kind=kind,
        obj_id=row.pk,
        platform_id=platform.pk,
        data={"fields": fields},
    )


def _edited(row: VersionedModel) -> dict[str, str]:
    # What people type here is no longer the guide's figure, and says so beside it.
    return {"source": PolicySource.EDITED} if hasattr(row, "source_text") else {}


@transaction.atomic
def row_create(*, by: Actor, at: datetime, platform: Platform, row: R) -> R:
    """Add a row of the platform's policy. Raises PlatformError when its key is taken."""
    for name, value in _edited(row).items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise PlatformError("There is already one with this key.") from error
    _audit_row(by, at, "created", platform, row, [])
    return row


@transaction.atomic
def row_save(
    *, by: Actor, at: datetime, platform: Platform, row: VersionedModel, expected: int, values: Mapping[str, Any]
) -> None:
    """Change a row of the platform's policy, or the platform itself. Raises VersionConflictError, PlatformError."""
    try:
        with transaction.atomic():
            row.update_versioned(expected=expected, **values, **_edited(row))
    except IntegrityError as error:
        raise PlatformError("There is already one with this key.") from error
    _audit_row(by, at, "changed", platform, row, sorted(values))


@transaction.atomic
def row_delete(*, by: Actor, at: datetime, platform: Platform, row: VersionedModel, expected: int) -> None:
    """Remove a row that nothing refers to. Raises PlatformError when something does, VersionConflictError."""
    pk = row.pk
    manager = type(row)._base_manager
    try:
        with transaction.atomic():
            gone = manager.filter(pk=pk, version=expected).delete()[0]
    except (ProtectedError, IntegrityError) as error:
        raise PlatformError("It is still in use: other records refer to it.") from error
    if not gone:
        raise VersionConflictError(manager.get(pk=pk))
    _audit_row(by, at, "deleted", platform, row, [])
