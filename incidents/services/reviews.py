"""Post-incident reviews: drafted from the record without AI, published by another person (M-PIR)."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from incidents import events
from incidents.choices import ClockKind, EntryKind, ReviewState, Verdict
from incidents.errors import IncidentError
from incidents.models import Incident, Review, ReviewApproval, ReviewSection, SectionText
from incidents.selectors.drafting import draft_sections
from incidents.selectors.reviews import action_items_of, gaps_of, sections_of
from incidents.selectors.signed import freeze, record_now
from incidents.selectors.waves import waves_of
from incidents.services import clocks, notices
from incidents.services.base import finish
from incidents.services.timeline import append
from incidents.services.waves import keep_edition
from opsportal.core.actor import Actor
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError

MAX_SECTION = 50_000


def review_is_required(incident: Incident) -> bool:
    """Whether this incident may not close without a review: the two worst ranks, or a policy that sets its clock."""
    if incident.rank <= clocks.REVIEW_REQUIRED_RANK:
        return True
    return incident.clocks.filter(kind=ClockKind.REVIEW, stopped_at__isnull=True).exists()


def is_published(incident: Incident) -> bool:
    return Review.objects.filter(incident=incident, state=ReviewState.PUBLISHED).exists()


def _keep_drafted(sections: Sequence[ReviewSection], at: datetime) -> None:
    """Keep for ever what the record just drafted in these sections."""
    SectionText.objects.bulk_create(
        SectionText(section=row, version=row.version, body=row.body, saved_at=at) for row in sections
    )


def draft(incident: Incident, *, by: Actor, at: datetime) -> Review:
    """Write the draft inside the caller's transaction; its author is the commander until someone submits it."""
    review = Review.objects.create(incident=incident, author_id=incident.commander_id, drafted_at=at)
    sections = ReviewSection.objects.bulk_create(
        [
            ReviewSection(review=review, key=key, title=title, position=position, body=body)
            for position, (key, title, body) in enumerate(draft_sections(incident), start=1)
        ]
    )
    _keep_drafted(sections, at)
    append(incident, kind=EntryKind.REVIEW, body="review drafted from the record", by=by, at=at)
    return review


def review_follow(incident: Incident, *, at: datetime) -> None:
    """Draft anew, after the record was written on, what of an unpublished review no person has edited (M-PIR).

    Inside the caller's transaction, the incident's row locked.
    """
    rows = Review.objects.select_for_update(of=("self",), no_key=True).exclude(state=ReviewState.PUBLISHED)
    review: Review | None = rows.filter(incident=incident).first()
    if review is None:
        return
    drafted = {key: body for key, _title, body in draft_sections(incident)}
    stale = [
        section
        for section in ReviewSection.objects.filter(review=review, edited_at=None).order_by("position")
        if section.body != drafted.get(section.key, section.body)
    ]
    for section in stale:
        section.update_versioned(expected=section.version, body=drafted[section.key])
    if stale:
        _keep_drafted(stale, at)
        review.update_versioned(expected=review.version)


@transaction.atomic
def review_draft(*, by: Actor, at: datetime, incident: Incident) -> Review:
    """The incident's review, drafted now when there is none yet. Raises IncidentError while it is open."""
    current = Incident.objects.select_for_update(of=("self",), no_key=True).get(pk=incident.pk)
    existing: Review | None = Review.objects.filter(incident=current).first()
    if existing is not None:
        return existing
    if current.is_open:
        raise IncidentError("Resolve the incident first: the review is drafted from its record.")
    review = draft(current, by=by, at=at)
    notices.tell_review(review, "drafted", at)
    finish(current, by=by, at=at, verb="review.drafted", data={"review": review.pk})
    return review


def _locked(review: Review, expected: int, *states: str) -> Review:
    current: Review = (
        Review.objects.select_for_update(of=("self",), no_key=True).select_related("incident").get(pk=review.pk)
    )
    if current.version != expected:
        raise VersionConflictError(current)
    if current.state not in states:
        raise IncidentError(f"The review is {current.get_state_display().lower()}.")
    return current


@transaction.atomic
def review_section_edit(*, by: Actor, at: datetime, section: ReviewSection, expected: int, body: str) -> ReviewSection:
    """Write one section; two people on two sections never collide, and what stood there stays readable.

    Raises VersionConflictError, IncidentError.
    """
    if len(body) > MAX_SECTION:
        raise IncidentError(f"A section has at most {MAX_SECTION:,} characters.")
    # The review's row is locked too: what is being published is not edited underneath.
    review = (
        Review.objects.select_for_update(of=("self",), no_key=True).select_related("incident").get(pk=section.review_id)
    )
    if review.state == ReviewState.PUBLISHED:
        raise IncidentError("The review is published; its text stands.")
    section.update_versioned(expected=expected, body=clean_text(body), edited_by_id=by.user_id, edited_at=at)
    section.keep(by=by, at=at)
    # A changed text is a changed review: a reader agrees to the version he read.
    review.update_versioned(expected=review.version)
    finish(review.incident, by=by, at=at, verb="review.edited", data={"review": review.pk, "section": section.key})
    return section


@transaction.atomic
def review_submit(*, by: Actor, at: datetime, review: Review, expected: int) -> Review:
    """Ask for a second reader; who submits is the author from now on, and the timeline says in whose place.

    Raises IncidentError.
    """
    current = _locked(review, expected, ReviewState.DRAFT)
    if current.incident.is_open:  # a reopening moves the review's version, so this was read after it
        raise IncidentError("The incident is open again: resolve it first, its end belongs into the review.")
    before = current.author if current.author_id != by.user_id else None
    current.update_versioned(expected=expected, state=ReviewState.IN_REVIEW, author_id=by.user_id, submitted_at=at)
    said = "submitted the review" + (f", as its author in place of {before.name}" if before else "")
    append(current.incident, kind=EntryKind.REVIEW, body=said, by=by, at=at)
    notices.tell_review(current, "ready to read", at)
    finish(current.incident, by=by, at=at, verb="review.submitted", data={"review": current.pk})
    return current


def _answer(current: Review, *, by: Actor, at: datetime, expected: int, verdict: str, note: str) -> None:
    if by.user_id is None:
        raise IncidentError("Only a person reads a review.")
    ReviewApproval.objects.create(
        review=current, review_version=expected, user_id=by.user_id, verdict=verdict, note=clean_text(note), at=at
    )


@transaction.atomic
def review_send_back(*, by: Actor, at: datetime, review: Review, expected: int, note: str) -> Review:
    """Return the review to its author with a reason. Raises IncidentError."""
    if not note.strip():
        raise IncidentError("Say what is missing.")
    current = _locked(review, expected, ReviewState.IN_REVIEW)
    _answer(current, by=by, at=at, expected=expected, verdict=Verdict.SENT_BACK, note=note)
    current.update_versioned(expected=expected, state=ReviewState.DRAFT, submitted_at=None)
    append(
        current.incident,
        kind=EntryKind.REVIEW,
        body=f"sent the review back: {clean_text(note).strip()}",
        by=by,
        at=at,
    )
    notices.tell_review(current, "sent back", at)
    finish(current.incident, by=by, at=at, verb="review.returned", data={"review": current.pk})
    return current


@transaction.atomic
def review_publish(*, by: Actor, at: datetime, review: Review, expected: int, note: str = "") -> Review:
    """Agree to this version and publish it: another person than the author.

    What it stands on is kept as it is now, whatever comes after. While something is missing `note` must say why it is
    published although; both stand in the record.
    Raises IncidentError.
    """
    current = _locked(review, expected, ReviewState.IN_REVIEW)
    if by.user_id is None or by.user_id == current.author_id:
        raise IncidentError("Another person than its author reads and publishes a review.")
    incident = current.incident
    gaps = gaps_of(incident, sections_of(current), action_items_of(incident), waves_of(incident))
    because = clean_text(note).strip()
    if gaps and not because:
        raise IncidentError(f"{'; '.join(gaps)}. Mend it, or say why the review is published although.")
    although = f"although {', '.join(gaps)}: {because}" if gaps else ""
    _answer(current, by=by, at=at, expected=expected, verdict=Verdict.AGREED, note=although or because)
    current.update_versioned(
        expected=expected, state=ReviewState.PUBLISHED, published_at=at, published_by_id=by.user_id
    )
    clocks.done(current.incident, ClockKind.REVIEW, at)
    said = "read, agreed and published the review" + (f" {although}" if although else "")
    line = append(current.incident, kind=EntryKind.REVIEW, body=said, by=by, at=at)
    # Whoever wrote to the record meanwhile has his line before this one, so what is kept is what he left.
    current.incident.refresh_from_db()
    keep_edition(current, freeze(record_now(by, current.incident, at), last_number=line.number))
    notices.tell_review(current, "published", at)
    finish(
        current.incident,
        by=by,
        at=at,
        verb="review.published",
        data={"review": current.pk, "gaps": len(gaps)},
        tells=partial(events.review_published, current),
    )
    return current
