"""What an incident's reopening keeps: the wave that had ended, and the review that was published of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from incidents.choices import EntryKind, ReviewState
from incidents.models import Incident, IncidentWave, Review, ReviewEdition
from incidents.selectors.learning import causes_of
from incidents.selectors.reviews import sections_of
from incidents.services.timeline import append
from opsportal.core.actor import Actor


def keep_wave(incident: Incident, why: str, *, by: Actor, at: datetime) -> None:
    """Keep the times, cause and resolution of what had ended. Inside the caller's transaction, the incident locked."""
    assert incident.resolved_at is not None
    IncidentWave.objects.create(
        incident=incident,
        number=IncidentWave.objects.filter(incident=incident).count() + 1,
        mitigated_at=incident.mitigated_at,
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
        cause=incident.cause,
        resolution=incident.resolution,
        reopened_at=at,
        reopened_by_id=by.user_id,
        why=why,
    )


def keep_edition(review: Review, record: Mapping[str, Any]) -> None:
    """Keep the version that is published, with the record it stands on. The review locked."""
    assert review.published_at is not None
    assert review.published_by_id is not None
    ReviewEdition.objects.create(
        review=review,
        version=review.version,
        author_id=review.author_id,
        published_at=review.published_at,
        published_by_id=review.published_by_id,
        sections=[{"key": row.key, "title": row.title, "body": row.body} for row in sections_of(review)],
        causes=[{"depth": line.depth, "kind": line.cause.kind, "text": line.cause.text} for line in causes_of(review)],
        record=record,
    )


def hold_review(incident: Incident) -> Review | None:
    """The incident's review, locked before its clocks and its timeline are; None without one."""
    rows = Review.objects.select_for_update(of=("self",), no_key=True)
    review: Review | None = rows.filter(incident=incident).first()
    return review


def review_reopen(review: Review, *, by: Actor, at: datetime) -> None:
    """Make the locked review a draft again, as its next version; what was published stays readable as it was.

    Whoever was about to hand it in read another version.
    """
    before, version, state = review.get_state_display().lower(), review.version, review.state
    if state == ReviewState.PUBLISHED and not ReviewEdition.objects.filter(review=review, version=version).exists():
        keep_edition(review, {})  # published before an edition was kept at once: its record is not known any more
    again = {"state": ReviewState.DRAFT, "submitted_at": None, "published_at": None, "published_by_id": None}
    review.update_versioned(expected=version, **again)
    if state != ReviewState.DRAFT:
        kept = f"; version {version} stays readable" if state == ReviewState.PUBLISHED else ""
        said = f"took the review back to draft, it was {before}{kept}"
        append(review.incident, kind=EntryKind.REVIEW, body=said, by=by, at=at)
