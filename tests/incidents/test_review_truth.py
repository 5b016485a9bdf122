"""What a review and the pages before it say is what happened: updates, clocks, moments, what is still open."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.models import AlarmClaim, ClockPolicy, Incident, IncidentClock, Review, ReviewSection
from incidents.selectors import clock_views, key_entries
from incidents.services import (
    entry_log,
    incident_advance,
    incident_describe,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
    incident_triage,
    review_draft,
    update_post,
)
from incidents.services.access import entry_correct
from incidents.services.claims import claim_transition
from incidents.services.tasks import task_add
from incidents.types import TRIAGE
from incidents.views.shared import steps
from monitoring.models import Alarm
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.formats import hour
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, clock_policy, declare, transition

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def by(operator: User, actor_for: ActorFor) -> Actor:
    return actor_for(operator)


@pytest.fixture
def incident(platform: Platform, by: Actor, at: datetime) -> Incident:
    return declare(platform, by=by, at=at, label="P0")


def tell(incident: Incident, by: Actor, at: datetime, audience: str = "public") -> None:
    version = Incident.objects.get(pk=incident.pk).version
    update_post(
        by=by, at=at, incident=incident, expected=version, state="identified", audience=audience, body="We know."
    )


def over(incident: Incident, by: Actor, at: datetime) -> Incident:
    version = Incident.objects.get(pk=incident.pk).version
    return incident_resolve(by=by, at=at, incident=incident, expected=version)


def test_an_early_update_marks_communicate_done_with_its_time(incident: Incident, by: Actor, at: datetime) -> None:
    def communicate() -> dict[str, str]:
        return next(step for step in steps(Incident.objects.get(pk=incident.pk)) if step["label"] == "Communicate")

    tell(incident, by, at + MINUTE, "internal")
    assert communicate()["state"] == "todo", "colleagues are not the public"
    tell(incident, by, at + 2 * MINUTE)
    tell(incident, by, at + 5 * MINUTE)
    for _ in ("before its turn", "after it"):
        assert (communicate()["state"], communicate()["note"]) == ("done", hour(at + 2 * MINUTE))
        incident.refresh_from_db()
        if incident.stage != "resolve":
            incident_advance(by=by, at=at + 6 * MINUTE, incident=incident, expected=incident.version, stage="resolve")
    ended = over(incident, by, at + 9 * MINUTE)
    incident_reopen(by=by, at=at + 10 * MINUTE, incident=ended, expected=ended.version, why="Back")
    assert communicate()["state"] == "todo", "nobody was told of the second wave yet"


def test_updates_in_time_are_one_line(
    incident: Incident, by: Actor, at: datetime, client_for: ClientFor, operator: User
) -> None:
    tell(incident, by, at + 10 * MINUTE)
    tell(incident, by, at + 10 * MINUTE + timedelta(seconds=2), "internal")
    review = review_draft(by=SYSTEM, at=at, incident=over(incident, by, at + 15 * MINUTE))
    well = ReviewSection.objects.get(review=review, key="went-well").body.replace("\xa0", " ")
    assert "- 2 status updates, none late (every 30 min)" in well
    assert "2 s of" not in well
    client = client_for(operator)
    for url in (review.url, incident.url):
        page = client.get(url).content.decode().replace("\xa0", " ")
        assert "00:02" not in page
        assert "2 updates" in page
        assert "none late" in page


def test_an_update_that_no_clock_waited_for_is_counted(
    incident: Incident, by: Actor, at: datetime, client_for: ClientFor, operator: User
) -> None:
    tell(incident, by, at + 10 * MINUTE)
    ended = over(incident, by, at + 15 * MINUTE)
    tell(ended, by, at + 16 * MINUTE)
    review = review_draft(by=SYSTEM, at=at + 17 * MINUTE, incident=ended)
    well = ReviewSection.objects.get(review=review, key="went-well").body.replace("\xa0", " ")
    assert "- 2 status updates, none late" in well
    client = client_for(operator)
    for url in (review.url, incident.url, f"{incident.url}review.json"):
        assert "2 updates" in client.get(url).content.decode().replace("\xa0", " ").replace("\\u00a0", " "), url


def test_a_round_that_nobody_kept_is_no_update(incident: Incident, by: Actor, at: datetime) -> None:
    tell(incident, by, at + 10 * MINUTE)
    ended = over(incident, by, at + 50 * MINUTE)
    told = next(view for view in clock_views(ended, at + 51 * MINUTE) if view.kind == "update")
    assert (told.state, told.result.replace("\xa0", " ")) == ("missed", "1 update, 1 of 2 rounds late")
    review = review_draft(by=SYSTEM, at=at, incident=ended)
    well = ReviewSection.objects.get(review=review, key="went-well").body.replace("\xa0", " ")
    assert "1 status update, 1 of 2 rounds late" in well


def test_a_clock_that_ran_and_was_not_needed_stands_in_the_review(
    platform: Platform, by: Actor, at: datetime, client_for: ClientFor, operator: User
) -> None:
    clock_policy(platform, "escalate", 15, label="P0")
    assert ClockPolicy.objects.filter(kind="escalate").exists()
    incident = declare(platform, by=by, at=at, label="P0")
    incident_mitigate(by=by, at=at + 9 * MINUTE, incident=incident, expected=incident.version)
    ended = over(incident, by, at + 10 * MINUTE)
    assert IncidentClock.objects.get(incident=incident, kind="escalate").outcome == "stopped"
    assert "escalate" not in [view.kind for view in clock_views(ended, at + 11 * MINUTE)]
    review_draft(by=SYSTEM, at=at, incident=ended)
    client = client_for(operator)
    for url in (f"{incident.url}review/", f"{incident.url}review.md"):
        assert "09:00, not needed" in client.get(url).content.decode(), url


def test_the_moments_that_moved_the_record_are_quoted(
    incident: Incident, by: Actor, at: datetime, platform: Platform
) -> None:
    first = entry_log(
        by=by, at=at + MINUTE, incident=incident, body="first customer called", occurred_at=at - 5 * MINUTE
    )
    entry_log(by=by, at=at + MINUTE, incident=incident, body="looking at the pool")
    wrong = entry_log(by=by, at=at + 2 * MINUTE, incident=incident, body="restarted web-1")
    entry_correct(by=by, at=at + 3 * MINUTE, entry=wrong, body="restarted web-2")
    task_add(by=by, at=at + 3 * MINUTE, incident=incident, title="Call the provider")
    incident.refresh_from_db()
    answers = {question.key: {"answer": "yes", "note": ""} for question in TRIAGE[:1]}
    current = incident_triage(by=by, at=at + 4 * MINUTE, incident=incident, expected=incident.version, answers=answers)
    incident_describe(
        by=by, at=at + 5 * MINUTE, incident=current, expected=current.version,
        changes={"impact_started_at": at - 5 * MINUTE}, why="as the first customer said",
    )  # fmt: skip
    said = [entry.body for entry in key_entries(Incident.objects.get(pk=incident.pk))]
    assert first.body in said, "the beginning stands on it now"
    assert "restarted web-2" in said
    assert "restarted web-1" not in said
    assert "looking at the pool" not in said
    for start in ("assessed: ", "corrected impact started"):
        assert any(body.startswith(start) for body in said), start
    assert any("Call the provider" in body for body in said)


def test_an_answer_with_a_note_is_still_the_answer(
    incident: Incident, by: Actor, at: datetime, client_for: ClientFor, operator: User
) -> None:
    answers = {"core_function": {"answer": "no", "note": "search still works"}, "users": {"answer": "yes", "note": ""}}
    incident_triage(by=by, at=at + MINUTE, incident=incident, expected=incident.version, answers=answers)
    said = incident.entries.get(kind="triage").body
    assert said == "assessed: core function: no, search still works; users affected: yes"
    assert "no, search still works" in client_for(operator).get(f"{incident.url}?tab=triage").content.decode()


def test_what_is_unfinished_is_said_before_it_ends_and_in_the_review(
    platform: Platform, by: Actor, at: datetime, commander: User, client_for: ClientFor
) -> None:
    source = alarm(platform)
    claim = claim_transition(transition=transition(source, "alarm", at), at=at)
    assert claim is not None
    incident = claim.incident
    assert incident is not None
    mirror = alarm(platform, key="mirror", opens_incident=False)
    claim_transition(transition=transition(mirror, "alarm", at + MINUTE), at=at + MINUTE)
    Alarm.objects.update(state="alarm", since=at, name=source.name)
    Alarm.objects.filter(pk=mirror.pk).update(origin="cloudwatch")
    task_add(by=by, at=at, incident=incident, title="Call the provider")
    client = client_for(commander)
    ended = incident
    for name in ("resolve", "close"):
        page = client.get(f"{incident.url}{name}/").content.decode()
        assert page.count("still fires") == 1, "one name, two sources"
        assert f"{source.name} (CloudWatch, the portal itself) still fires" in page, name
        assert "Open task: Call the provider" in page, name
        ended = over(incident, by, at + 5 * MINUTE) if name == "resolve" else ended
    review = review_draft(by=SYSTEM, at=at + 6 * MINUTE, incident=ended)
    wrong = ReviewSection.objects.get(review=review, key="went-wrong")
    assert wrong.body.count("still fired when it was resolved") == 1
    assert f"{source.name} (CloudWatch, the portal itself) still fired when it was resolved" in wrong.body


def test_many_alarms_that_are_over_hide_none_that_fires(
    platform: Platform, by: Actor, at: datetime, commander: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=by, at=at)
    for number in range(45):
        told = transition(alarm(platform, key=f"{number:02}"), "alarm", at)
        AlarmClaim.objects.create(transition=told, incident=incident, outcome="attached", claimed_at=at)
    Alarm.objects.update(state="ok", since=at)
    Alarm.objects.filter(name__gte="Alarm 22").update(state="alarm")
    for number in range(21):
        task_add(by=by, at=at, incident=incident, title=f"Task {number:02}")
    page = client_for(commander).get(f"{incident.url}resolve/").content.decode()
    assert (page.count("still fires"), page.count("Open task: ")) == (20, 20)
    assert "Alarm 22 still fires" in page
    assert "20 of 23 alarms that still fire are named here" in page
    assert "20 of 21 open tasks are named here" in page
    assert "plans are named here" not in page


def test_a_review_that_is_still_to_come_says_so(
    platform: Platform,
    incident: Incident,
    by: Actor,
    at: datetime,
    operator: User,
    stranger: User,
    client_for: ClientFor,
) -> None:
    client, url = client_for(operator), f"{incident.url}review/"
    asked = client.get(url)
    assert (asked.status_code, "when the incident is resolved" in asked.content.decode()) == (404, True)
    over(incident, by, at + MINUTE)
    assert "It is being drafted" in client.get(url).content.decode()
    assert "being drafted" not in client_for(stranger).get(url).content.decode()
    mild = over(declare(platform, by=by, at=at, label="P3"), by, at + MINUTE)
    assert "None is due" in client.get(f"{mild.url}review/").content.decode()
    assert not Review.objects.exists()
