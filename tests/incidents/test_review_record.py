"""What a review says of the record: plans and recovery, what was written when closing, and what the public reads."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import EntryKind
from incidents.models import Incident, Review, ReviewSection
from incidents.selectors.drafting import ALARMS, BUDGET, without_record
from incidents.services import (
    entry_log,
    incident_close,
    incident_describe,
    incident_resolve,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.timeline import append
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.plans import execution
from opsportal.plans.execution import plan_run
from opsportal.plans.models import Approval, Plan
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create, plan_decide
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
TEXTS = {
    "users_affected": "all who paid",
    "impact_business": "Lost orders of an hour",
    "impact_technical": "The pool was empty",
    "cause": "A report held its sessions",
    "resolution": "Failed over to another writer",
}


@pytest.fixture
def incident(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> Incident:
    return declare(platform, by=actor_for(operator), at=at, label="P0")


@pytest.fixture
def plan(incident: Incident, at: datetime, operator: User, commander: User, actor_for: ActorFor,
         monkeypatch: pytest.MonkeyPatch) -> Plan:  # fmt: skip
    """Asked for by one, approved by another, carried out."""
    monkeypatch.setattr(
        execution,
        "_executors",
        {"test.fail-over": lambda _call: {"before": {"writer": "one"}, "after": {"writer": "two"}}},
    )
    draft = PlanDraft(
        kind="test", title="Fail over the database", effect="Another writer.", subject=incident.reference,
        calls=[PlannedCall(operation="test.fail-over", target="db")], starts_after=None, expires_at=at + 30 * MINUTE,
    )  # fmt: skip
    made = plan_create(by=actor_for(operator), at=at + MINUTE, platform=incident.platform, draft=draft)
    plan_decide(
        by=actor_for(commander), at=at + 2 * MINUTE, plan=made, verdict=Approval.Verdict.APPROVED,
        seen_hash=made.content_hash, expected=made.version, reason="Do it",
    )  # fmt: skip
    made.refresh_from_db()
    plan_run(by=SYSTEM, clock=lambda: at + 3 * MINUTE, plan=made)
    append(incident, kind=EntryKind.METRIC, body="Alarm db is back", by=SYSTEM, at=at + 5 * MINUTE)
    return made


def resolved(incident: Incident, by: Actor, at: datetime) -> Incident:
    return incident_resolve(by=by, at=at, incident=incident, expected=incident.version)


def text_of(review: Review, key: str) -> str:
    return ReviewSection.objects.get(review=review, key=key).body


def test_what_plans_did_and_that_the_alarm_cleared_stand_in_the_review_and_leave_with_it(
    incident: Incident, plan: Plan, at: datetime, operator: User, commander: User, viewer: User,
    actor_for: ActorFor, client_for: ClientFor,
) -> None:  # fmt: skip
    review = review_draft(by=SYSTEM, at=at, incident=resolved(incident, actor_for(operator), at + 9 * MINUTE))
    drafted = text_of(review, "resolution").replace("\xa0", " ")
    said = f"approved by {commander.name} 2026-03-10 09:02:00 UTC: Do it"
    asked = f"requested by {operator.name} 2026-03-10 09:01:00 UTC, {said}"
    assert f"Fail over the database (plan {plan.short_hash}), done: {asked}" in drafted
    assert "2026-03-10 09:05:00 UTC: Alarm db is back" in drafted
    client = client_for(viewer)
    page = client.get(review.url).content.decode()
    assert f'href="/plans/{plan.pk}/"' in page
    assert page.count(f"carried out plan {plan.short_hash}") == 1, "a line from the timeline"
    assert f"carried out plan {plan.short_hash}, Fail over the database: writer is now two" in page
    assert "writer is now two" in client.get(f"/plans/{plan.pk}/").content.decode()
    markdown = client.get(f"{incident.url}review.md").content.decode()
    assert "## Plans" in markdown
    assert f"(plan {plan.short_hash}): done: requested by {operator.name}" in markdown
    said = client.get(f"{incident.url}review.json").json()["plans"][0]
    assert (said["hash"], said["state"], said["requested_by"]) == (plan.content_hash, "done", operator.name)
    assert said["decisions"] == [
        {
            "person": commander.name,
            "verdict": "approved",
            "reason": "Do it",
            "break_glass": False,
            "at": "2026-03-10T09:02:00Z",
        }
    ]


def test_what_closing_asks_for_reaches_the_sections_that_nobody_edited(
    incident: Incident, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    over = resolved(incident, by, at + 9 * MINUTE)
    review = review_draft(by=SYSTEM, at=at + 9 * MINUTE, incident=over)
    section = ReviewSection.objects.get(review=review, key="cause")
    review_section_edit(by=by, at=at, section=section, expected=section.version, body="Why: the pool.")
    over.refresh_from_db()
    before = Review.objects.get(pk=review.pk).version
    incident_close(by=by, at=at + 12 * MINUTE, incident=over, expected=over.version, texts=TEXTS)
    for text in (TEXTS["users_affected"], TEXTS["impact_business"], TEXTS["impact_technical"]):
        assert text in text_of(review, "impact")
    assert TEXTS["resolution"] in text_of(review, "resolution")
    assert text_of(review, "cause") == "Why: the pool.", "what a person wrote stands"
    review.refresh_from_db()
    assert review.version == before + 1
    client = client_for(operator)
    for url in (review.url, f"{review.url}sections/cause/"):
        page = client.get(url).content.decode()
        assert page.count("The record says as well") == 1, url
        assert TEXTS["cause"] in page
    sent = review_submit(by=by, at=at + 13 * MINUTE, review=review, expected=review.version)
    review_publish(
        by=actor_for(commander), at=at + 14 * MINUTE, review=sent, expected=sent.version, note="Nothing else is known"
    )
    over.refresh_from_db()
    late = {"impact_business": "Nothing at all"}
    incident_describe(by=by, at=at + 15 * MINUTE, incident=over, expected=over.version, changes=late)
    assert "Nothing at all" not in text_of(review, "impact"), "a published text stands"


def test_the_record_that_is_written_on_before_it_is_published_is_the_drafts(
    incident: Incident, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    over = resolved(incident, by, at + 9 * MINUTE)
    review = review_draft(by=SYSTEM, at=at + 9 * MINUTE, incident=over)
    over.refresh_from_db()
    incident_describe(by=by, at=at + MINUTE * 10, incident=over, expected=over.version, changes={"cause": "The pool"})
    assert text_of(review, "cause") == "The pool"


def test_what_happened_before_the_recorded_beginning_stands_there_and_leads_to_its_correction(
    incident: Incident, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    review = review_draft(by=SYSTEM, at=at, incident=resolved(incident, by, at + 9 * MINUTE))
    client = client_for(operator)
    entry_log(by=by, at=at + MINUTE, incident=incident, body="restarted it")
    assert "Correct the beginning" not in client.get(review.url).content.decode()
    entry_log(by=by, at=at + MINUTE, incident=incident, body="first customer call", occurred_at=at - 12 * MINUTE)
    page = client.get(review.url).content.decode()
    assert "first customer call" in page
    assert f'href="{incident.url}describe/"' in page
    assert "restarted it" not in page


def test_the_public_reads_neither_budget_nor_alarms_unless_someone_says_so(
    incident: Incident, at: datetime, operator: User, viewer: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    append(incident, kind=EntryKind.ALARM, body="Alarm db: 96 > 80", by=SYSTEM, at=at)
    review = review_draft(by=SYSTEM, at=at, incident=resolved(incident, actor_for(operator), at + 9 * MINUTE))
    assert ALARMS in text_of(review, "cause")
    assert BUDGET in text_of(review, "impact")
    client, url = client_for(viewer), f"{incident.url}review/public/?file=1&s=impact&s=cause"
    public = client.get(url).content.decode()
    assert "lasted" in public
    for inner in (ALARMS, "96 &gt; 80", "96 > 80", BUDGET, "no objective"):
        assert inner not in public
    assert "96 > 80" in client.get(f"{url}&record=1").content.decode()


def test_only_what_was_quoted_is_left_out() -> None:
    text = f"We saw it.\n\n{BUDGET}\n\n- web: 3 %\n\nIt is over.\n\n{ALARMS}\n\nNo list came.\n\n- Own list"
    assert without_record(text) == "We saw it.\n\nIt is over.\n\nNo list came.\n\n- Own list"
