"""Every text that a section of a review ever had, and what made one of the other (M-PIR)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from incidents.models import Review, ReviewSection, SectionText
from opsportal.core.comparison import Change, compare
from opsportal.core.gate import HiddenError
from opsportal.core.pagination import Page, keyset_page

NEWEST: Final = ("-version",)  # total: a section has each version once
SIZE: Final = 30


@dataclass(frozen=True, slots=True)
class ComparedText:
    """One saved text and what it changed; `before` is None of the first that was kept."""

    text: SectionText
    before: SectionText | None
    changes: Sequence[Change]


def section_of(review: Review, key: str) -> ReviewSection:
    """A section of a review the reader may see. Raises HiddenError when it has no such section."""
    section = ReviewSection.objects.filter(review=review, key=key).select_related("review__incident").first()
    if section is None:
        raise HiddenError("incidents.review_view")
    return section


def texts_of(section: ReviewSection) -> QuerySet[SectionText]:
    return SectionText.objects.filter(section=section).select_related("saved_by")


def saves_page(section: ReviewSection, *, cursor: str | None) -> Page[SectionText]:
    """Who saved which version when, newest first; the texts themselves are left out."""
    return keyset_page(texts_of(section).defer("body"), order=NEWEST, cursor=cursor, size=SIZE)


def compared_text(section: ReviewSection, version: int | None) -> ComparedText | None:
    """That version, else the newest, against the one saved before it; None when it was not kept."""
    rows = texts_of(section)
    if version is not None:
        rows = rows.filter(version__lte=version)
    found = list(rows.order_by(*NEWEST)[:2])
    if not found or version not in (None, found[0].version):
        return None
    before = found[1] if len(found) > 1 else None
    return ComparedText(found[0], before, compare(before.body, found[0].body) if before else [])
