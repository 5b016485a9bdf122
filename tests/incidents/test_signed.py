"""What is signed stays: a published review stands on the record of then, and what came after it is apart (M-PIR)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.test import Client

from incidents.models import Incident, Review, ReviewEdition
from incidents.services import (
    action_item_add,
    action_item_update,
    entry_log,
    incident_acknowledge,
    incident_describe,
    incident_reopen,
    incident_resolve,
    review_draft,
    review_publish,
    review_submit,
)
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.plans.models import Plan
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def review(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> Review:
    """Published, on a record with a clock, a running plan and an open action item; then all of it went on."""
    by, after = actor_for(operator), at + 20 * MINUTE
    clock_policy(platform, "acknowledge", 5, label="P0")
    incident = declare(platform, by=by, at=at, label="P0")
    incident = incident_acknowledge(by=by, at=at + MINUTE, incident=incident, expected=incident.version)
    call = PlannedCall(operation="test.touch", target="thing")
    draft = PlanDraft(kind="test", title="Touch", effect="It is touched.", calls=[call], starts_after=None,
                      expires_at=after + MINUTE, subject=incident.reference)  # fmt: skip
    plan = plan_create(by=by, at=at, platform=platform, draft=draft)
    Plan.objects.filter(pk=plan.pk).update(state="running", started_at=at)
    item = action_item_add(by=by, at=at, incident=incident, title="Alarm at 80 %", owner_id=operator.pk)
    incident.refresh_from_db()
    incident = incident_resolve(by=by, at=at + 15 * MINUTE, incident=incident, expected=incident.version)
    review = review_draft(by=SYSTEM, at=at + 15 * MINUTE, incident=incident)
    sent = review_submit(by=by, at=at + 16 * MINUTE, review=review, expected=review.version)
    review = review_publish(
        by=actor_for(commander), at=at + 17 * MINUTE, review=sent, expected=sent.version, note="Monday"
    )
    Plan.objects.filter(pk=plan.pk).update(state="done", finished_at=after)
    entry_log(by=by, at=after, incident=incident, body="found it in the log", occurred_at=at - MINUTE)
    action_item_update(by=by, at=after, item=item, expected=item.version, state="done", owner_id=operator.pk,
                       due_date=date(2026, 4, 1), evidence="INC")  # fmt: skip
    incident.refresh_from_db()
    start = {"impact_started_at": at - 2 * MINUTE}
    incident_describe(by=by, at=after, incident=incident, expected=incident.version, changes=start, why="by the log")
    return review


def plain(client: Client, url: str) -> str:
    return client.get(url).content.decode().replace("&nbsp;", " ").replace("\xa0", " ")


def test_what_came_after_it_was_published_stands_apart(
    review: Review, at: datetime, commander: User, client_for: ClientFor
) -> None:
    client, incident = client_for(commander), review.incident
    page = plain(client, review.url)
    since, stands = page.split("Since it was published")[1].split("Clocks, as they ran")
    assert "done: requested by" in since
    assert "found it in the log" in since
    assert "done, " in since.split("Alarm at 80 %")[1]
    assert "running: requested by" in stands
    assert "found it in the log" not in stands
    assert "Duration <b>15 min" in page, "the beginning was corrected later"
    markdown = plain(client, f"{incident.url}review.md")
    signed, after = markdown.split("## Since it was published")
    assert "- Duration: 15 min" in signed
    assert "running: requested by" in signed
    assert "done: requested by" not in signed
    assert "done: requested by" in after
    data = client.get(f"{incident.url}review.json").json()
    assert [row["state"] for row in data["plans"]] == ["running"]
    assert any("found it in the log" in line for line in data["since_published"])
    assert datetime.fromisoformat(data["impact_started_at"]) == at


def test_an_older_version_keeps_the_record_it_stood_on(
    review: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = Incident.objects.get(pk=review.incident_id)
    incident_reopen(
        by=actor_for(operator), at=at + 30 * MINUTE, incident=incident, expected=incident.version, why="It is back"
    )
    client, url = client_for(operator), f"{review.url}versions/{review.version}/"
    page = plain(client, url)
    for words in ("Duration <b>15 min", "running: requested by", "Clocks, as they ran", "Acknowledge", "open, "):
        assert words in page, words
    for words in ("done: requested by", "found it in the log", "It is back", "2026-04-01"):
        assert words not in page, words
    assert "Since it was published" not in plain(client, review.url), "it is a draft again"
    assert client.get(f"{review.url}versions/{review.version - 1}/").status_code == 404


@pytest.fixture
def unkept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was before a publication kept its edition."""
    monkeypatch.setattr("incidents.services.reviews.keep_edition", lambda _review, _record: None)


@pytest.mark.usefixtures("unkept")
def test_one_that_was_published_before_records_were_kept_says_so(
    review: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    assert not ReviewEdition.objects.exists()
    assert "Since it was published" not in plain(client_for(operator), review.url)
    incident = Incident.objects.get(pk=review.incident_id)
    incident_reopen(
        by=actor_for(operator), at=at + 30 * MINUTE, incident=incident, expected=incident.version, why="It is back"
    )
    assert "the record it stood on was not kept" in plain(
        client_for(operator), f"{review.url}versions/{review.version}/"
    )
