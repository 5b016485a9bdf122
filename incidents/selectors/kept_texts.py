"""Every text that a document ever had, and what made one of the other (M-PIR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from incidents.models import Review, ReviewSection
from incidents.models.texts import SavedText
from opsportal.core.comparison import Change, compare
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page

NEWEST: Final = ("-version",)  # total: a document has each version once
SIZE: Final = 30
Texts = QuerySet[Any, Any]  # what a document names `texts`


@dataclass(frozen=True, slots=True)
class ComparedText:
    """One saved text and what it changed; `before` is None of the first that was kept."""

    text: SavedText
    before: SavedText | None
    changes: Sequence[Change]
    stands: bool  # nothing was saved after it


def section_of(review: Review, key: str) -> ReviewSection:
    """A section of a review the reader may see. Raises HiddenError when it has no such section."""
    section = ReviewSection.objects.filter(review=review, key=key).select_related("review__incident").first()
    if section is None:
        raise HiddenError("incidents.review_view")
    return section


def saves_page(texts: Texts, *, cursor: str | None) -> Page[SavedText]:
    """Who saved which version when, newest first; the texts themselves are left out."""
    return keyset_page(texts.select_related("saved_by").defer("body"), order=NEWEST, cursor=cursor, size=SIZE)


def compared_text(texts: Texts, version: int | None) -> ComparedText | None:
    """That version, else the newest, against the one saved before it; None when it was not kept."""
    rows = texts.select_related("saved_by").order_by(*NEWEST)
    found = list((rows if version is None else rows.filter(version__lte=version))[:2])
    if not found or version not in (None, found[0].version):
        return None
    before = found[1] if len(found) > 1 else None
    changes = compare(before.body, found[0].body) if before else []
    stands = version is None or not texts.filter(version__gt=version).exists()
    return ComparedText(found[0], before, changes, stands)
