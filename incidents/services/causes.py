"""The cause chain of a review: each answer to "why?" stands under what it explains (5 whys)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction

from incidents.choices import ReviewState
from incidents.errors import IncidentError
from incidents.models import Cause, CauseText, Review
from incidents.selectors.learning import cause_lines, causes_of
from incidents.services.base import finish
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text

DEEPEST: Final = 7  # five whys, and two for those who go on asking
MOST: Final = 40


def _open_review(review_id: int) -> Review:
    """The review, held, while it may still be written. Raises IncidentError."""
    rows = Review.objects.select_for_update(of=("self",), no_key=True).select_related("incident__severity")
    review: Review = rows.get(pk=review_id)
    if review.state == ReviewState.PUBLISHED:
        raise IncidentError("The review is published; its causes stand.")
    return review


def _text(text: str) -> str:
    cleaned = " ".join(clean_text(text).split())
    if not cleaned:
        raise IncidentError("Say why.")
    return cleaned[:400]


def _depth(cause_id: int | None, parents: Mapping[int, int | None]) -> int:
    """How many causes lead from the incident to this one, itself included."""
    return 0 if cause_id is None else 1 + _depth(parents[cause_id], parents)


def _finish(review: Review, *, by: Actor, at: datetime, verb: str, cause_id: int) -> None:
    # A changed cause is a changed review: a reader agrees to the version he read.
    review.update_versioned(expected=review.version)
    chain = "\n".join(cause_lines(causes_of(review)))
    CauseText.objects.create(review=review, version=review.version, body=chain, saved_by_id=by.user_id, saved_at=at)
    finish(review.incident, by=by, at=at, verb=f"review.cause_{verb}", data={"review": review.pk, "cause": cause_id})


@transaction.atomic
def cause_add(*, by: Actor, at: datetime, review: Review, parent: Cause | None, kind: str, text: str) -> Cause:
    """Answer "why?" for `parent`, or for the incident itself. Raises IncidentError."""
    current, text = _open_review(review.pk), _text(text)
    if parent is not None and parent.review_id != current.pk:
        raise IncidentError("This cause belongs to another review.")
    parents = dict(Cause.objects.filter(review=current).values_list("pk", "parent_id"))
    if parent is not None and _depth(parent.pk, parents) >= DEEPEST:
        raise IncidentError(f"{DEEPEST} whys deep is enough: what is left is an action item.")
    if len(parents) >= MOST:
        raise IncidentError(f"A review holds at most {MOST} causes.")
    cause: Cause = Cause.objects.create(
        review=current, parent=parent, kind=kind, text=text, added_by_id=by.user_id, added_at=at
    )
    _finish(current, by=by, at=at, verb="added", cause_id=cause.pk)
    return cause


@transaction.atomic
def cause_change(*, by: Actor, at: datetime, cause: Cause, expected: int, kind: str, text: str) -> Cause:
    """Word it better. Raises IncidentError, VersionConflictError."""
    current, text = _open_review(cause.review_id), _text(text)
    cause.update_versioned(expected=expected, kind=kind, text=text)
    _finish(current, by=by, at=at, verb="changed", cause_id=cause.pk)
    return cause


@transaction.atomic
def cause_remove(*, by: Actor, at: datetime, cause: Cause, expected: int) -> None:
    """Take back a cause that explains nothing; one with reasons under it stays. Raises IncidentError."""
    current = _open_review(cause.review_id)
    if cause.reasons.exists():
        raise IncidentError("Remove what stands under it first.")
    cause.update_versioned(expected=expected)
    removed_id = cause.pk
    cause.delete()
    _finish(current, by=by, at=at, verb="removed", cause_id=removed_id)
