"""Who writes a review, and what it takes to publish one that is not whole."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.errors import IncidentError
from incidents.models import Incident, Review, ReviewApproval, ReviewSection, TimelineEntry
from incidents.services import (
    action_item_add,
    incident_close,
    incident_reopen,
    incident_resolve,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
TEXTS = {"users_affected": "about 40", "cause": "Pool too small", "resolution": "Pool doubled"}


@pytest.fixture
def incident(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> Incident:
    by = actor_for(operator)
    opened = declare(platform, by=by, at=at, label="P0")
    return incident_resolve(by=by, at=at + MINUTE, incident=opened, expected=opened.version)


@pytest.fixture
def review(incident: Incident, at: datetime, operator: User, actor_for: ActorFor) -> Review:
    """Written but for its lessons, with an action item that nobody owns, and handed in."""
    by = actor_for(operator)
    review = review_draft(by=SYSTEM, at=at, incident=incident)
    for key in ("impact", "cause", "resolution", "went-well", "went-wrong", "prevention"):
        section = ReviewSection.objects.get(review=review, key=key)
        review_section_edit(by=by, at=at, section=section, expected=section.version, body="Watch the pool.")
    action_item_add(by=by, at=at, incident=incident, title="Alarm at 80 %")
    review.refresh_from_db()
    return review_submit(by=by, at=at, review=review, expected=review.version)


def test_what_is_missing_stops_it_until_someone_says_why_it_is_published_although(
    review: Review, at: datetime, commander: User, client_for: ClientFor
) -> None:
    client, url = client_for(commander), f"{review.url}publish/"
    page = client.get(review.url).content.decode()
    assert 'href="#publish"' in page
    assert 'id="publish"' in page
    refused = client.post(url, {"version": review.version})
    assert refused.status_code == 422
    item = review.incident.action_items.get()
    for said in ("Lessons is empty", f"{item.reference} has no owner"):
        assert said in refused.content.decode()
    assert Review.objects.get().state == "in_review"
    done = client.post(url, {"version": review.version, "note": "The team decides on Monday"})
    assert done.status_code == 303
    unclosed = f"{review.incident.reference} is not closed, its impact and cause and resolution not written"
    kept = f"although Lessons is empty, {item.reference} has no owner, {unclosed}: The team decides on Monday"
    assert ReviewApproval.objects.get(review=review).note == kept
    assert TimelineEntry.objects.filter(incident=review.incident, body__endswith=kept).exists()
    assert kept in client.get(review.url).content.decode().split("</article>")[0], "not among the readers alone"
    signed = Review.objects.get()
    assert signed.published_at is not None
    words = f"published by {commander.name} {stamp(signed.published_at)}, {kept}"
    assert words in client.get(f"{review.incident.url}review.md").content.decode()
    assert client.get(f"{review.incident.url}review.json").json()["published_note"] == kept
    version = signed.version
    incident = Incident.objects.get()
    incident_reopen(by=SYSTEM, at=clock.now(), incident=incident, expected=incident.version, why="Back")
    assert kept in client.get(f"{review.url}versions/{version}/").content.decode()
    markdown = client.get(f"{review.incident.url}review.md").content.decode()
    assert f"- Version {version} was {words}; then the incident was reopened" in markdown
    before = client.get(f"{review.incident.url}review.json").json()["published_before"]
    assert [row["published_note"] for row in before] == [kept]


def test_a_whole_one_needs_no_word(review: Review, at: datetime, commander: User, actor_for: ActorFor) -> None:
    ReviewSection.objects.filter(review=review, key="lessons").update(body="Alarm earlier.", edited_at=at)
    review.incident.action_items.update(state="dropped", finished_at=at)
    incident = review.incident
    incident.refresh_from_db()
    incident_close(by=SYSTEM, at=at + 2 * MINUTE, incident=incident, expected=incident.version, texts=TEXTS)
    review.refresh_from_db()
    published = review_publish(by=actor_for(commander), at=at, review=review, expected=review.version)
    assert published.state == "published"
    assert ReviewApproval.objects.get(review=review).note == ""


def test_only_those_who_may_write_it_are_asked_to(
    incident: Incident, at: datetime, viewer: User, auditor: User, commander: User, client_for: ClientFor
) -> None:
    client = client_for(commander)
    page = client.get(f"{incident.url}close/").content.decode()
    offered = page[page.index('name="reviewer_id"') :].split("</select>")[0]
    assert commander.name in offered
    for person in (viewer, auditor):
        assert person.name not in offered
        posted = {"version": incident.version, **TEXTS, "reviewer_id": person.pk}
        assert client.post(f"{incident.url}close/", posted).status_code == 422
        with pytest.raises(IncidentError, match="must hold a role"):
            incident_close(
                by=SYSTEM, at=at, incident=incident, expected=incident.version, texts=TEXTS, reviewer_id=person.pk
            )


def test_a_new_author_is_said(
    incident: Incident, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    incident_close(
        by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version, texts=TEXTS, reviewer_id=operator.pk
    )
    review = Review.objects.get()
    review_submit(by=actor_for(commander), at=at + MINUTE, review=review, expected=review.version)
    assert TimelineEntry.objects.filter(
        incident=incident, body=f"submitted the review, as its author in place of {operator.name}"
    ).exists()
