"""Both sides of a lost race, for the merge page: what stands now, and what this person wrote."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, runtime_checkable

from django import forms
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BinaryField, DateTimeField, Field, TextField
from django.http import HttpRequest, QueryDict
from django.utils.timezone import localtime

from opsportal.core.comparison import Change, compare
from opsportal.core.formats import stamp
from opsportal.core.forms import bounded_int, forms_over
from opsportal.core.htmx import local_url
from opsportal.core.models import VersionedModel

_WORTH: Final = 20  # characters
_NOT_TEXT: Final = frozenset({"csrfmiddlewaretoken", "version", "idempotency_key"})
_NOT_OFFERED: Final = "something else"


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
    is_text: bool = False  # of sentences: the two can be made one


@runtime_checkable
class KeepsTexts(Protocol):
    """A row that keeps every text it had: where they are read, and what it said as a version."""

    @property
    def texts_url(self) -> str: ...

    def text_at(self, version: int) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What others made of a text since this person opened it, None when it is not known; where all its texts stand."""

    changes: Sequence[Change] | None
    url: str


@runtime_checkable
class ReadsMore(Protocol):
    """A form that reads more of a post than its fields: which names, and what that says beside the row, in words."""

    def reads_also(self, name: str) -> bool: ...

    def differs_also(self, row: VersionedModel, posted: QueryDict) -> Sequence[Difference]: ...


_last_change: list[Callable[[VersionedModel], LastChange | None]] = []


def register_last_change(source: Callable[[VersionedModel], LastChange | None]) -> None:
    """Let the audit say who changed a row last."""
    _last_change[:] = [source]


def last_change(row: VersionedModel) -> LastChange | None:
    """As the audit knows it; of a part that is audited as its whole, what the part itself keeps."""
    editor, at = getattr(row, "edited_by", None), getattr(row, "edited_at", None)
    if editor is not None and at is not None:
        return LastChange(str(editor.name), at)
    return _last_change[0](row) if _last_change else None


def name_of(row: VersionedModel) -> str:
    """What the row is called: `review section “Lessons”`."""
    title = getattr(row, "title", "")
    return f"{row._meta.verbose_name} “{title}”" if title else str(row._meta.verbose_name)


def _is_secret(name: str) -> bool:
    return "password" in name or name.startswith(("secret", "token")) or name.endswith("_hmac") or name == "external_id"


def _column(row: VersionedModel, name: str) -> "Field[Any, Any] | None":
    """The column that a form offered under that name."""
    try:
        field = row._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) and field.editable and not isinstance(field, BinaryField) else None


def _stored(row: VersionedModel, field: "Field[Any, Any]", offered: forms.Field) -> str:
    """The column's value as a form posts it."""
    value: Any = getattr(row, field.attname, "")
    if isinstance(offered, forms.ModelChoiceField) and value is not None:
        value = offered.prepare_value(getattr(row, field.name))
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%dT%H:%M}"
    return "" if value is None else str(value)


def _words(field: "Field[Any, Any]", offered: forms.Field, value: str) -> str:
    """What a person calls that value: the choice's label, a time as it is read.

    What a column points at is named as the form names it to this person: what is not among the choices, the person
    may not know of.
    """
    if isinstance(field, DateTimeField):
        return value.replace("T", " ")
    choices: Any = getattr(offered, "choices", ())
    labels: dict[str, Any] = {str(key): label for key, label in (*(field.flatchoices or ()), *choices)}
    return str(labels.get(value, _NOT_OFFERED if field.is_relation and value else value))


def differences(row: VersionedModel, posted: QueryDict) -> list[Difference]:
    """The posted fields whose text differs from the row as it stands; those of no form or no column always count."""
    found, read_by = [], forms_over(posted)
    form_fields = {name: field for form in read_by for name, field in form.fields.items()}
    wider = [form for form in read_by if isinstance(form, ReadsMore)]
    for name, values in posted.lists():
        if any(form.reads_also(name) for form in wider):
            continue
        offered, mine = form_fields.get(name), ", ".join(str(value) for value in values)
        # Whoever adds a name to a form learns nothing by it.
        field = _column(row, name) if offered is not None else None
        theirs = _stored(row, field, offered) if field is not None and offered is not None else ""
        if name in _NOT_TEXT or _is_secret(name) or theirs == mine or not (mine or theirs):
            continue
        if field is not None and offered is not None:
            value = getattr(row, field.attname)
            theirs = stamp(value) if isinstance(value, datetime) else _words(field, offered, theirs)
            mine = _words(field, offered, mine)
        said = offered.label if offered is not None else None
        label = str(said or name.removesuffix("_id").replace("_", " ").capitalize())
        found.append(Difference(name, label, theirs, mine, is_text=isinstance(field, TextField)))
    return found + [difference for form in wider for difference in form.differs_also(row, posted)]


def meanwhile(row: VersionedModel, posted: QueryDict) -> Meanwhile | None:
    """From the version the person wrote on to the one that stands; None of a row that keeps no texts."""
    if not isinstance(row, KeepsTexts):
        return None
    seen = bounded_int(posted.get("version", ""))
    before, after = row.text_at(seen) if seen is not None else None, row.text_at(row.version)
    changes = compare(before, after) if before is not None and after is not None else None
    return Meanwhile(changes, row.texts_url)


def came_from(request: HttpRequest, row: VersionedModel) -> str:
    """Where the form stood that lost: the page of the browser, else the row's own, else Today."""
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    address = getattr(row, "get_absolute_url", None)
    return local_url(request, page, str(address()) if address is not None else "/")


def resend_fields(request: HttpRequest) -> list[tuple[str, str]]:
    """Every posted field but the version, so that the person's text can be sent again on top of theirs."""
    return [(name, str(value)) for name, values in request.POST.lists() if name not in _NOT_TEXT for value in values]


def typed_texts(request: HttpRequest) -> list[tuple[str, str]]:
    """What a person wrote into a form that was not taken, without keys and secrets: what it would hurt to lose."""
    return [(name, value) for name, value in resend_fields(request) if len(value) >= _WORTH and not _is_secret(name)]
