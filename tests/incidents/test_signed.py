"""What is signed stays: a published review stands on the record of then, and what came after it is apart (M-PIR)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from incidents.models import Incident, Review, ReviewEdition
from incidents.selectors.signed import Record, freeze
from incidents.services import (
    action_item_add,
    action_item_update,
    entry_log,
    incident_acknowledge,
    incident_describe,
    incident_reopen,
    incident_resolve,
    incident_restrict,
    review_draft,
    review_publish,
    review_submit,
)
from monitoring.services.marks import deployment_put
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
    entry_log(by=by, at=at, incident=incident, body="Pool at the start", kind="graph")
    old = declare(platform, by=by, at=at - 90 * MINUTE, title="Checkout was down as well", label="P3")
    incident_resolve(by=by, at=at - 80 * MINUTE, incident=old, expected=old.version, resolution="restarted it")
    deployed(platform, "web:8", at - 10 * MINUTE)
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
    entry_log(by=by, at=after, incident=incident, body="Pool afterwards", kind="graph")
    deployed(platform, "web:9", at + 10 * MINUTE)
    old.refresh_from_db()
    incident_describe(by=by, at=after, incident=old, expected=old.version, changes={"resolution": "doubled it"})
    declare(platform, by=by, at=after, title="Checkout down once more", label="P3")
    incident.refresh_from_db()
    changes = {"impact_started_at": at - 2 * MINUTE, "title": "Called another name"}
    incident_describe(by=by, at=after, incident=incident, expected=incident.version, changes=changes, why="by the log")
    return review


def deployed(platform: Platform, label: str, at: datetime) -> None:
    deployment_put(
        by=SYSTEM, at=at, external_id=label, state="completed", platform=platform, service=None, label=label,
        started_at=at,
    )  # fmt: skip


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
    assert "Called another name" not in stands
    for words in ("web:8", "Pool at the start", "Checkout was down as well", "restarted it"):
        assert words in stands, words
        assert words not in since, words
    for words in ("web:9", "Pool afterwards", "Checkout down once more"):
        assert words in since, words
        assert words not in stands, words
    assert "doubled it" not in page, "what is known of another incident today was not signed"
    actions = page.split("0 of 1 done when it was published")[1].split("Since it was published")[0]
    assert "open" in actions.split("Alarm at 80 %")[1]
    markdown = plain(client, f"{incident.url}review.md")
    signed, after = markdown.split("## Since it was published")
    assert "- Duration: 15 min" in signed
    assert "running: requested by" in signed
    assert "done: requested by" not in signed
    assert "done: requested by" in after
    for words in ("): open", "web:8", "Pool at the start", "restarted it", "Commander: "):
        assert words in signed, words
    for words in ("done, ", "web:9", "Pool afterwards", "Checkout down once more"):
        assert words in after, words
        assert words not in signed, words
    data = client.get(f"{incident.url}review.json").json()
    assert [row["state"] for row in data["plans"]] == ["running"]
    assert any("found it in the log" in line for line in data["since_published"])
    assert datetime.fromisoformat(data["impact_started_at"]) == at
    assert [row["state"] for row in data["actions"]] == ["open"]
    assert [row["name"] for row in data["graphs"]] == ["Pool at the start"]
    assert [row["role"] for row in data["roles"]] == ["commander"]
    assert not any("web:9" in row["title"] for row in data["changes"])
    assert data["similar"] == [Incident.objects.get(title="Checkout was down as well").reference]


def test_an_older_version_keeps_the_record_it_stood_on(
    review: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = Incident.objects.get(pk=review.incident_id)
    incident_reopen(
        by=actor_for(operator), at=at + 30 * MINUTE, incident=incident, expected=incident.version, why="It is back"
    )
    client, url = client_for(operator), f"{review.url}versions/{review.version}/"
    page = plain(client, url)
    stood = ("Duration <b>15 min", "running: requested by", "Clocks, as they ran", "Pool at the start", ">open<")
    for words in stood:
        assert words in page, words
    for words in ("done: requested by", "found it in the log", "It is back", "2026-04-01"):
        assert words not in page, words
    assert "Since it was published" not in plain(client, review.url), "it is a draft again"
    assert client.get(f"{review.url}versions/{review.version - 1}/").status_code == 404


def test_another_incident_that_was_restricted_since_is_named_to_nobody_else(
    review: Review, at: datetime, viewer: User, client_for: ClientFor
) -> None:
    old = Incident.objects.get(title="Checkout was down as well")
    incident_restrict(by=SYSTEM, at=at, incident=old, expected=old.version, is_restricted=True, user_ids=[])
    assert old.reference not in plain(client_for(viewer), review.url)


@pytest.fixture
def kept_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was before title, roles, changes, graphs and other incidents were kept."""
    later = ("title", "roles", "changes", "graphs", "similar")

    def less(record: Record, *, last_number: int) -> dict[str, Any]:
        return {name: kept for name, kept in freeze(record, last_number=last_number).items() if name not in later}

    monkeypatch.setattr("incidents.services.reviews.freeze", less)


@pytest.mark.usefixtures("kept_less")
def test_an_edition_that_kept_less_says_what_is_of_today(review: Review, operator: User, client_for: ClientFor) -> None:
    client = client_for(operator)
    page = plain(client, review.url)
    assert "were not kept with version" in page
    assert "web:9" in page.split("Clocks, as they ran")[1]
    assert "were not kept with this version" in plain(client, f"{review.incident.url}review.md")
    assert "were not kept with this version" in plain(client, f"{review.url}versions/{review.version}/")


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
