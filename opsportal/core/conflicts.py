"""Both sides of a lost race, for the merge page: what stands now, and what this person wrote."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BinaryField, Field
from django.http import HttpRequest, QueryDict

from opsportal.core.models import VersionedModel

_NOT_TEXT: Final = frozenset({"csrfmiddlewaretoken", "version", "idempotency_key"})


@dataclass(frozen=True, slots=True)
class LastChange:
    """Who saved the row last, and when."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which the two sides differ."""

    name: str
    label: str
    theirs: str
    mine: str


_last_change: list[Callable[[VersionedModel], LastChange | None]] = []


def register_last_change(source: Callable[[VersionedModel], LastChange | None]) -> None:
    """Let the audit say who changed a row last."""
    _last_change[:] = [source]


def last_change(row: VersionedModel) -> LastChange | None:
    return _last_change[0](row) if _last_change else None


def _is_secret(name: str) -> bool:
    return name.startswith(("password", "secret", "token")) or name.endswith("_hmac") or name == "external_id"


def _shown(row: VersionedModel, name: str) -> str | None:
    try:
        field = row._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.editable or isinstance(field, BinaryField):
        return None  # a form cannot have offered it, whatever was posted
    value: Any = getattr(row, field.attname, "")
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


def differences(row: VersionedModel, posted: QueryDict) -> list[Difference]:
    """The posted fields whose text differs from the row as it stands; fields that are no column always count."""
    found = []
    for name, values in posted.lists():
        mine = ", ".join(str(value) for value in values)
        theirs = _shown(row, name)
        if name in _NOT_TEXT or _is_secret(name) or theirs == mine or not (mine or theirs):
            continue
        found.append(Difference(name, name.replace("_", " ").capitalize(), theirs or "", mine))
    return found


def resend_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Every posted field but the version, so that the person's text can be sent again on top of theirs."""
    return [(name, str(value)) for name, values in request.POST.lists() if name not in _NOT_TEXT for value in values]
