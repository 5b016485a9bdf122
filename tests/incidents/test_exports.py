"""What leaves the portal as Markdown holds no raw HTML of people's texts; what leaves as JSON is as they typed it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from incidents.models import Review
from incidents.services import (
    action_item_add,
    cause_add,
    entry_correct,
    entry_log,
    incident_resolve,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.hostile import CORPUS, SHORT, html_in
from tests.factories.incidents import declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
ALL = "\n\n".join(CORPUS)
# Below each other they are all of it to a viewer; alone each begins where the section does.
TEXTS = (ALL, *CORPUS)


@pytest.fixture
def review(platform: Platform, operator: User, commander: User, actor_for: ActorFor) -> Review:
    """Published, hostile in each of its texts."""
    by, at = actor_for(operator), clock.now() - timedelta(hours=1)
    incident = declare(platform, by=by, at=at, title=SHORT, label="P0")
    for text in TEXTS:
        entry_log(by=by, at=at, incident=incident, body=text)
    line = entry_log(by=by, at=at, incident=incident, body=ALL, kind="decision")
    entry_correct(by=by, at=at, entry=line, body=ALL)
    incident.refresh_from_db()
    over = incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution=ALL)
    review = review_draft(by=by, at=at, incident=over)
    for position, section in enumerate(review.sections.order_by("position")):
        body = ALL if section.key in ("cause", "lessons") else "\n\n".join(CORPUS[position::9])
        review_section_edit(by=by, at=at, section=section, expected=section.version, body=body)
    cause_add(by=by, at=at, review=review, parent=None, kind="root", text=SHORT)
    action_item_add(by=by, at=at, incident=over, title=SHORT, owner_id=operator.pk)
    review.refresh_from_db()
    sent = review_submit(by=by, at=at, review=review, expected=review.version)
    return review_publish(by=actor_for(commander), at=at, review=sent, expected=sent.version, note="Monday")


def body_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    text = b"".join(answer) if answer.streaming else answer.content
    return text.decode()


def test_no_markdown_file_of_an_incident_holds_raw_html(review: Review, admin: User, client_for: ClientFor) -> None:
    client, url = client_for(admin), review.incident.url
    for path in (f"{url}review.md", f"{url}timeline.md", f"{url}review/public/?file=1&s=cause&s=lessons",
                 "/learnings/digest.md"):  # fmt: skip
        text = body_of(client, path)
        assert html_in(text) == [], path
        assert "&lt;script>xss()&lt;/script>" in text, path
        assert "`<img src=x onerror=xss()>`" in text, "code stays as typed"


def test_data_stays_as_typed(review: Review, admin: User, client_for: ClientFor) -> None:
    client, url = client_for(admin), review.incident.url
    sections = {row["key"]: row["body"] for row in client.get(f"{url}review.json").json()["sections"]}
    assert sections["cause"] == ALL
    lines = body_of(client, f"{url}timeline.json")
    assert '"text": "<script>xss()</script>"' in lines
