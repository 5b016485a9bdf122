"""Causes, exports, the public version, learnings, and the board of action items."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import CauseKind
from incidents.errors import IncidentError
from incidents.exports.redaction import redact
from incidents.loops import remind_actions
from incidents.models import ActionItem, Cause, Incident, Review, ReviewSection
from incidents.selectors.learning import causes_of
from incidents.services import (
    action_item_add,
    cause_add,
    cause_change,
    cause_remove,
    incident_resolve,
    incident_restrict,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.causes import DEEPEST
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.core.models import VersionConflictError
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Membership, Platform
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(platform: Platform, at: datetime) -> Incident:
    opened = declare(platform, by=SYSTEM, at=at, title="Checkout down")
    return incident_resolve(
        by=SYSTEM, at=at + timedelta(minutes=20), incident=opened, expected=opened.version, resolution="Pool enlarged"
    )


@pytest.fixture
def review(incident: Incident, at: datetime) -> Review:
    return review_draft(by=SYSTEM, at=at + timedelta(minutes=21), incident=incident)


def write(review: Review, key: str, body: str, at: datetime) -> None:
    section = ReviewSection.objects.get(review=review, key=key)
    review_section_edit(by=SYSTEM, at=at, section=section, expected=section.version, body=body)


def publish(review: Review, author: Actor, reader: Actor, at: datetime) -> None:
    review.refresh_from_db()
    current = review_submit(by=author, at=at, review=review, expected=review.version)
    review_publish(by=reader, at=at, review=current, expected=current.version, note="Read")


def why(review: Review, at: datetime, parent: Cause | None = None, text: str = "because") -> Cause:
    return cause_add(by=SYSTEM, at=at, review=review, parent=parent, kind=CauseKind.ROOT, text=text)


def test_causes_stand_under_what_they_explain(review: Review, at: datetime) -> None:
    first = why(review, at, text="The pool ran dry")
    other = why(review, at, text="Nobody watched it")
    under = why(review, at, first, text="A query held connections")
    found = [(line.cause.pk, line.depth) for line in causes_of(review)]
    assert found == [(first.pk, 0), (under.pk, 1), (other.pk, 0)]


def test_a_changed_cause_is_a_changed_review(review: Review, at: datetime) -> None:
    before = Review.objects.get(pk=review.pk).version
    cause = why(review, at)
    cause_change(by=SYSTEM, at=at, cause=cause, expected=cause.version, kind=CauseKind.TRIGGER, text="deploy")
    assert Review.objects.get(pk=review.pk).version == before + 2
    with pytest.raises(VersionConflictError):
        cause_change(by=SYSTEM, at=at, cause=cause, expected=1, kind=CauseKind.ROOT, text="late")


def test_a_cause_with_reasons_stays_and_the_chain_ends_somewhere(review: Review, at: datetime) -> None:
    chain = [why(review, at)]
    while len(chain) < DEEPEST:
        chain.append(why(review, at, chain[-1]))
    with pytest.raises(IncidentError, match="deep is enough"):
        why(review, at, chain[-1])
    with pytest.raises(IncidentError, match="under it first"):
        cause_remove(by=SYSTEM, at=at, cause=chain[0], expected=chain[0].version)
    cause_remove(by=SYSTEM, at=at, cause=chain[-1], expected=chain[-1].version)
    assert Cause.objects.count() == DEEPEST - 1


def test_published_causes_stand(
    review: Review, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    cause = why(review, at)
    publish(review, actor_for(operator), actor_for(commander), at)
    with pytest.raises(IncidentError, match="published"):
        cause_remove(by=SYSTEM, at=at, cause=cause, expected=cause.version)


def test_the_chain_is_written_on_the_page(
    client_for: ClientFor, operator: User, viewer: User, review: Review, incident: Incident
) -> None:
    client, base = client_for(operator), f"{incident.url}review/causes/"
    assert client.post(base, {"text": " ", "kind": "root"}).status_code == 422
    assert client.post(base, {"text": "The pool ran dry", "kind": "trigger"}).status_code == 303
    cause = Cause.objects.get()
    assert client.post(f"{base}?under={cause.pk}", {"text": "A held query", "kind": "root"}).status_code == 303
    page = client.get(f"{incident.url}review/").content.decode()
    assert '<li class="d1">A held query' in page
    one = f"{base}{cause.pk}/"
    assert client.post(one, {"text": "Dry pool", "kind": "trigger", "version": "1"}).status_code == 303
    assert client.post(one, {"text": "late", "kind": "trigger", "version": "1"}).status_code == 409
    refused = client.post(f"{one}remove/", {"version": "2"})
    assert (refused.status_code, "under it first" in refused.content.decode()) == (422, True)
    assert client_for(viewer).post(base, {"text": "x", "kind": "root"}).status_code == 403
    assert client.get(f"{base}?under=999999").status_code == 404


@pytest.mark.parametrize(
    "text, left, kind",
    [
        ("Asked Omar Haddad at 14:32", "Asked a colleague at 14:32", "person"),
        ("@Omar restarted it", "a colleague restarted it", "person"),
        ("mail ops@example.com", "mail [e-mail address]", "e-mail address"),
        ("omar HADDAD did", "a colleague did", "person"),
        ("from fe80::1:2 on", "from [address] on", "address"),
        ("2001:db8:0:0:0:0:2:1", "[address]", "address"),
        ("from 10.0.3.17 on", "from [address] on", "address"),
        ("db1.prod.internal hung", "[host] hung", "host"),
        ("x.eu-west-1.rds.amazonaws.com", "[host]", "host"),
        ("account 123456789012", "account [account]", "account"),
        ("arn:aws:rds:eu-west-1:123456789012:db:shop", "[resource]", "resource"),
        ("AKIAABCDEFGHIJKLMNOP leaked", "[key] leaked", "key"),
    ],
)
def test_the_public_reads_no_person_and_no_place(text: str, left: str, kind: str) -> None:
    found = redact(text, ["Omar Haddad"])
    assert found.text == left
    assert found.removed == {kind: 1}


def test_what_says_nothing_private_stays() -> None:
    text = "At 14:32:07 the order service answered 503 for 21 min: INC-142, ratio 1.5; this will do."
    assert redact(text, ["Al", "Mina Rahimi", "Will Orda"]).text == text


def test_exports_and_the_public_version(
    client_for: ClientFor, commander: User, viewer: User, review: Review, incident: Incident, at: datetime
) -> None:
    Membership.objects.filter(user=commander).delete()  # has left since
    write(review, "impact", f"{commander.name} saw orders fail on db1.internal.", at)
    why(review, at, text="The pool ran dry")
    client = client_for(viewer)
    text = client.get(f"{incident.url}review.md").content.decode()
    assert "# Review of" in text
    assert "- The pool ran dry (root cause)" in text
    data = json.loads(client.get(f"{incident.url}review.json").content)
    assert (data["causes"][0]["text"], data["state"]) == ("The pool ran dry", "draft")
    page = client.get(f"{incident.url}review/public/").content.decode()
    assert "not published yet" in page
    assert "a colleague saw orders fail on [host]." in page
    taken = client.get(f"{incident.url}review/public/?s=resolution&file=1")
    assert "attachment" in taken["Content-Disposition"]
    assert "Pool enlarged" in taken.content.decode()
    assert "orders fail" not in taken.content.decode()


def test_learnings_are_those_of_published_reviews_one_may_see(
    client_for: ClientFor, actor_for: ActorFor, viewer: User, commander: User, stranger: User,
    review: Review, incident: Incident, at: datetime,
) -> None:  # fmt: skip
    write(review, "lessons", "Watch the pool.", at)
    client = client_for(viewer)
    assert "Watch the pool" not in client.get("/learnings/").content.decode()
    publish(review, SYSTEM, actor_for(commander), at)
    assert "Watch the pool" in client.get("/learnings/").content.decode()
    assert "Watch the pool" not in client_for(stranger).get("/learnings/").content.decode()
    incident.refresh_from_db()
    incident_restrict(
        by=SYSTEM, at=at, incident=incident, expected=incident.version, is_restricted=True, user_ids=[commander.pk]
    )
    assert "Watch the pool" not in client.get("/learnings/").content.decode()
    assert "No review was published" in client.get("/learnings/digest.md").content.decode()


def test_owners_are_reminded_of_what_is_overdue_once_a_week(incident: Incident, operator: User, at: datetime) -> None:
    item = action_item_add(
        by=SYSTEM, at=at, incident=incident, title="Alert on pool", owner_id=operator.pk, due_date=at.date()
    )
    assert remind_actions(at) == 0
    late = at + timedelta(days=2)
    assert [remind_actions(late), remind_actions(late), remind_actions(late + timedelta(days=3))] == [1, 0, 0]
    assert remind_actions(late + timedelta(days=7)) == 1
    told = Notice.objects.filter(user=operator, subject__contains="overdue")
    assert told.count() == 2
    item.refresh_from_db()
    item.update_versioned(expected=item.version, state="dropped", finished_at=late)
    assert remind_actions(late + timedelta(days=30)) == 0


def test_the_board_counts_by_age_and_opens_the_rows(
    client_for: ClientFor, operator: User, incident: Incident, at: datetime
) -> None:
    for number, days in enumerate((0, 20, 200)):
        item = action_item_add(by=SYSTEM, at=at, incident=incident, title=f"Item {number}", priority=1 + number)
        ActionItem.objects.filter(pk=item.pk).update(created_at=now() - timedelta(days=days))
    client = client_for(operator)
    for view, title in (("age-month", "Item 1"), ("age-older", "Item 2"), ("urgent", "Item 0")):
        page = client.get(f"/actions/?view={view}").content.decode()
        assert [name for name in ("Item 0", "Item 1", "Item 2") if name in page] == [title]
