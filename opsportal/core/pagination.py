"""Keyset pages: stable under inserts, no COUNT, no OFFSET. And heads of lists, which say how much they leave out."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar

import orjson
from django.core.exceptions import BadRequest, FieldError, ValidationError
from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from opsportal.core.markdown import clean_text

M = TypeVar("M", bound=Model)
T = TypeVar("T")
MAX_SIZE: Final = 500


class BadCursorError(BadRequest):
    """The cursor is not one of ours; Django answers 400."""


@dataclass(frozen=True, slots=True)
class Head(Generic[T]):
    """The first rows of a list, and how many rows it has in all."""

    rows: Sequence[T]
    total: int

    @property
    def words(self) -> str:
        """`40`, or `12 of 40` where the rest is left out."""
        return str(self.total) if len(self.rows) == self.total else f"{len(self.rows)} of {self.total}"


def head(queryset: QuerySet[M], size: int) -> Head[M]:
    """The first `size` rows in the queryset's own order; counts only when there are more."""
    found = list(queryset[: size + 1])
    return Head(found[:size], queryset.count() if len(found) > size else len(found))


def rank_of(field: str, order: Sequence[str]) -> Case:
    """The place of a field's value in `order`, for sorting before a list is cut; other values come last."""
    places = [When(**{field: value}, then=Value(place)) for place, value in enumerate(order)]
    return Case(*places, default=Value(len(order)), output_field=IntegerField())


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of rows in the asked order; a cursor is None where there is nothing on that side."""

    rows: Sequence[M]
    next_cursor: str | None
    previous_cursor: str | None


def _value(row: Model, path: str) -> Any:
    value: Any = row
    for part in path.lstrip("-").split("__"):
        value = getattr(value, part)
    return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _encode(row: Model, order: tuple[str, ...], direction: str) -> str:
    payload = orjson.dumps([direction, *(_plain(_value(row, name)) for name in order)])
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def _decode(cursor: str, order: tuple[str, ...]) -> tuple[str, list[Any]]:
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadCursorError("This page link is broken; start again from the first page.") from error
    scalar = (str, int, float)
    if (
        not isinstance(payload, list)
        or len(payload) != len(order) + 1
        or payload[0] not in ("next", "previous")
        or not all(isinstance(value, scalar) for value in payload)
        or any(isinstance(value, str) and value != clean_text(value) for value in payload)
    ):
        raise BadCursorError("This page link belongs to another list; start again from the first page.")
    return payload[0], payload[1:]


def _beyond(order: tuple[str, ...], values: list[Any]) -> Q:
    """Rows that come after `values` in `order`: (a > x) or (a = x and b > y) …"""
    condition, equal = Q(pk__in=[]), Q()
    for name, value in zip(order, values, strict=True):
        field = name.lstrip("-")
        condition |= equal & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal &= Q(**{field: value})
    return condition


def _reversed(order: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name[1:] if name.startswith("-") else f"-{name}" for name in order)


def keyset_pages(queryset: QuerySet[M], *, order: tuple[str, ...]) -> Iterator[Sequence[M]]:
    """Every row of `queryset`, a page at a time: for exports of any length."""
    page = keyset_page(queryset, order=order, cursor=None, size=MAX_SIZE)
    yield page.rows
    while page.next_cursor is not None:
        page = keyset_page(queryset, order=order, cursor=page.next_cursor, size=MAX_SIZE)
        yield page.rows


def first_page(found: Sequence[M], *, order: tuple[str, ...], size: int) -> Page[M]:
    """The page that `keyset_page` gives without a cursor, of rows that were read already: `size` and one more."""
    shown = found[:size]
    return Page(shown, _encode(shown[-1], order, "next") if len(found) > size else None, None)


def keyset_page(queryset: QuerySet[M], *, order: tuple[str, ...], cursor: str | None, size: int = 100) -> Page[M]:
    """One page of `queryset` by `order`, which must be total (end with pk) and free of nulls.

    `cursor` comes from an earlier page's `next_cursor` or `previous_cursor`. Raises BadCursorError.
    """
    size = max(1, min(size, MAX_SIZE))
    direction, values = _decode(cursor, order) if cursor else ("next", [])
    forward = direction == "next"
    asked = order if forward else _reversed(order)
    rows = queryset.order_by(*asked)
    try:
        if values:
            rows = rows.filter(_beyond(asked, values))
        found = list(rows[: size + 1])
    except (ValueError, TypeError, FieldError, ValidationError) as error:
        raise BadCursorError("This page link is broken; start again from the first page.") from error
    more, found = len(found) > size, found[:size]
    if not forward:
        found.reverse()
    if not found:
        return Page([], None, None)
    has_next, has_previous = (more, bool(values)) if forward else (True, more)
    return Page(
        rows=found,
        next_cursor=_encode(found[-1], order, "next") if has_next else None,
        previous_cursor=_encode(found[0], order, "previous") if has_previous else None,
    )
