"""Base models: versioned rows, append-only rows, and rows owned by a platform."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import F

from opsportal.core.actor import Actor

M_co = TypeVar("M_co", bound=models.Model, covariant=True)
JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]


class VersionConflictError(Exception):
    """Someone else changed the row first; `current` is the row as it stands now."""

    def __init__(self, current: "VersionedModel") -> None:
        super().__init__(f"{current._meta.verbose_name} {current.pk} was changed by someone else.")
        self.current = current


class VersionedModel(models.Model):
    """A mutable row; every write names the version it was based on."""

    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    def update_versioned(self, *, expected: int, **changes: Any) -> None:
        """Write `changes` if the row still has version `expected`, else raise VersionConflictError.

        The version stands in the WHERE clause: checking first and saving later loses writes.
        """
        manager = type(self)._base_manager
        updated = manager.filter(pk=self.pk, version=expected).update(version=F("version") + 1, **changes)
        if not updated:
            raise VersionConflictError(manager.get(pk=self.pk))
        self.version = expected + 1
        for name, value in changes.items():
            setattr(self, name, value)

    @classmethod
    def put(
        cls, *, match: Mapping[str, Any], values: Mapping[str, Any], made: Mapping[str, Any] | None = None
    ) -> tuple[Self, bool, list[str]]:
        """Insert the row that `match` names, or change it where `values` differ. `made` is written at its birth only.

        Returns the row, whether it is new, and which values changed. To be called inside a transaction.
        """
        rows = cls._default_manager.select_for_update()
        row, is_new = rows.get_or_create(**match, defaults={**values, **(made or {})})
        changed = [] if is_new else sorted(name for name, value in values.items() if getattr(row, name) != value)
        if changed:
            row.update_versioned(expected=row.version, **{name: values[name] for name in changed})
        return row, is_new, changed


class AppendOnlyModel(models.Model):
    """A row that is never updated or deleted: `migrate` grants the app role SELECT and INSERT only."""

    app_role_rights: ClassVar[tuple[str, ...]] = ("SELECT", "INSERT")

    class Meta:
        abstract = True


class PlatformQuerySet(models.QuerySet[M_co]):
    """Rows that belong to a platform; `platform_path` is the lookup that leads to its id."""

    platform_path: ClassVar[str] = "platform_id"

    def visible_to(self, actor: Actor) -> Self:
        """Only what this actor may know to exist."""
        if actor.sees_all:
            return self
        return self.filter(**{f"{self.platform_path}__in": actor.platform_ids})

    def of_platform(self, platform_id: int | None) -> Self:
        """Those of one platform; None leaves all."""
        return self if platform_id is None else self.filter(**{self.platform_path: platform_id})


class IdempotencyKey(models.Model):
    """The stored answer to a POST, by the key its sender chose; forgotten after a day."""

    scope = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_unique")]
