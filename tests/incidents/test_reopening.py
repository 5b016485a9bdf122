"""An incident that came back: each wave keeps its times and its end, the review is a draft again, nothing is lost."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import KEY_KINDS, EntryKind
from incidents.errors import IncidentError
from incidents.lifecycle import TimeOrderError
from incidents.models import Incident, IncidentClock, IncidentWave, Review, ReviewEdition, ReviewSection
from incidents.selectors import clock_views, key_entries, key_entries_cut, owed, owed_read
from incidents.selectors.drafting import draft_sections, unsaid
from incidents.selectors.waves import waves_of
from incidents.services import (
    incident_close,
    incident_describe,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.timeline import append
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.core.prepared import together
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
FIRST, SECOND = "Failed over to the reader", "The report was stopped"
TEXTS = {"users_affected": "about 40", "cause": "Pool too small"}


def text_of(review: Review, key: str) -> str:
    return ReviewSection.objects.get(review=review, key=key).body.replace("\xa0", " ")


def plain(client: Client, url: str) -> str:
    return client.get(url).content.decode().replace("&nbsp;", " ").replace("\xa0", " ")


@pytest.fixture
def published(platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor) -> Review:
    """Mitigated after 10, resolved after 15, closed after 20 minutes; its review is published."""
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at, label="P0")
    incident_mitigate(by=by, at=at + 10 * MINUTE, incident=incident, expected=incident.version)
    incident.refresh_from_db()
    over = at + 15 * MINUTE
    incident_resolve(by=by, at=over, incident=incident, expected=incident.version, resolution=FIRST)
    incident.refresh_from_db()
    review = review_draft(by=SYSTEM, at=over, incident=incident)
    for key in ("lessons", "prevention", "went-wrong", "went-well"):
        section = ReviewSection.objects.get(review=review, key=key)
        review_section_edit(by=by, at=over, section=section, expected=section.version, body="Watch the pool.")
    incident.refresh_from_db()
    end = at + 20 * MINUTE
    incident_close(
        by=SYSTEM, at=end, incident=incident, expected=incident.version, texts=TEXTS, reviewer_id=operator.pk
    )
    review.refresh_from_db()
    sent = review_submit(by=by, at=end, review=review, expected=review.version)
    return review_publish(by=actor_for(commander), at=end, review=sent, expected=sent.version)


def reopened(review: Review, by: Actor, at: datetime) -> Incident:
    incident = Incident.objects.get(pk=review.incident_id)
    return incident_reopen(by=by, at=at, incident=incident, expected=incident.version, why="It is back")


def over_again(review: Review, by: Actor, at: datetime) -> Incident:
    incident = reopened(review, by, at)
    incident = incident_mitigate(by=by, at=at + 4 * MINUTE, incident=incident, expected=incident.version)
    return incident_resolve(by=by, at=at + 9 * MINUTE, incident=incident, expected=incident.version, resolution=SECOND)


def test_the_review_is_a_draft_again_and_what_was_published_stays_readable(
    published: Review, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    version, was = published.version, text_of(published, "impact")
    reopened(published, actor_for(operator), at + 25 * MINUTE)
    review = Review.objects.get(pk=published.pk)
    assert (review.state, review.version, review.published_at) == ("draft", version + 1, None)
    kept = ReviewEdition.objects.get(review=review)
    assert (kept.version, kept.author, kept.published_by) == (version, operator, commander)
    client = client_for(operator)
    page = client.get(review.url).content.decode()
    assert f'href="{review.url}versions/{version}/"' in page
    assert f"version {version} was published by {commander.name}" in page
    assert "open again" in page
    assert "Edit<span" in page
    edition = plain(client, f"{review.url}versions/{version}/")
    assert "Watch the pool." in edition
    assert "lasted 15 min" in edition
    assert next(row["body"] for row in kept.sections if row["key"] == "impact").replace("\xa0", " ") == was
    assert client.get(f"{review.url}versions/{version + 1}/").status_code == 404
    with pytest.raises(IncidentError, match="open again"):
        review_submit(by=actor_for(operator), at=at, review=review, expected=review.version)


def test_what_nobody_edited_is_drafted_again_from_both_waves(
    published: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    over_again(published, actor_for(operator), at + 25 * MINUTE)
    impact, resolution = text_of(published, "impact"), text_of(published, "resolution")
    assert "lasted 34 min, in 2 waves." in impact
    for moment in (10, 15, 25, 29, 34):
        assert stamp(at + moment * MINUTE).replace("\xa0", " ") in impact, moment
    assert f"Wave 1: {FIRST}" in resolution
    assert f"Wave 2: {SECOND}" in resolution
    assert text_of(published, "lessons") == "Watch the pool.", "what a person wrote stands"
    client = client_for(operator)
    page = plain(client, published.url)
    assert "Duration <b>34 min, 2 waves</b>" in page
    assert "lasted 15 min" not in page
    for text in (FIRST, SECOND):
        assert text in page


def test_an_edited_impact_is_offered_what_the_second_wave_changed(
    published: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = reopened(published, actor_for(operator), at + 25 * MINUTE)
    section = ReviewSection.objects.get(review=published, key="impact")
    review_section_edit(
        by=actor_for(operator), at=at, section=section, expected=section.version, body="It lasted a while."
    )
    incident_resolve(by=SYSTEM, at=at + 34 * MINUTE, incident=incident, expected=incident.version)
    assert text_of(published, "impact") == "It lasted a while."
    page = plain(client_for(operator), f"{published.url}sections/impact/")
    assert "lasted 34 min, in 2 waves" in page


def test_its_clock_runs_anew_and_today_lists_the_review(
    published: Review, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    assert [row.outcome for row in IncidentClock.objects.filter(incident=published.incident_id, kind="review")] == [
        "met"
    ]
    over_again(published, by, at + 25 * MINUTE)
    clock = IncidentClock.objects.get(incident=published.incident_id, kind="review", stopped_at=None)
    assert clock.started_at == at + 34 * MINUTE
    (rows,) = together(by, owed_read(by, at + 40 * MINUTE, None, 20))
    found = owed(rows)
    assert [row.reference for row in found if row.kind == "review"] == [f"INC-{published.incident.number} review"]


def test_each_wave_keeps_its_times_and_its_end(
    published: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = over_again(published, actor_for(operator), at + 25 * MINUTE)
    wave = IncidentWave.objects.get(incident=incident)
    assert (wave.mitigated_at, wave.resolved_at, wave.closed_at) == (
        at + 10 * MINUTE, at + 15 * MINUTE, at + 20 * MINUTE,
    )  # fmt: skip
    assert (wave.resolution, wave.why, wave.reopened_by) == (FIRST, "It is back", operator)
    assert (incident.mitigated_at, incident.resolved_at) == (at + 29 * MINUTE, at + 34 * MINUTE)
    assert incident.resolution == SECOND
    client = client_for(operator)
    record = client.get(f"{incident.url}?tab=triage").content.decode()
    assert FIRST in record
    assert SECOND in record
    said = client.get(f"{incident.url}review.json").json()
    assert [(row["resolution"], row["reopened_because"]) for row in said["waves"]] == [
        (FIRST, None), (SECOND, "It is back"),
    ]  # fmt: skip
    assert [row["version"] for row in said["published_before"]] == [published.version]
    by_api = client.get(f"/api/v1{incident.url}review/").json()
    assert [row["resolution"] for row in by_api["waves"]] == [FIRST, SECOND]
    assert [row["version"] for row in by_api["published_before"]] == [published.version]
    markdown = client.get(f"{incident.url}review.md").content.decode()
    assert f"Version {published.version} was published by" in markdown
    assert "## Waves" in markdown


def test_each_wave_keeps_its_cause_and_a_text_that_is_written_anew_stays_readable(
    published: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    incident = over_again(published, by, at + 25 * MINUTE)
    assert incident.cause == "", "what caused the first wave need not have caused the second"
    for cause in ("A guess", "The report"):
        incident = incident_describe(
            by=by, at=at + 35 * MINUTE, incident=incident, expected=incident.version, changes={"cause": cause}
        )
    assert [wave.cause for wave in IncidentWave.objects.filter(incident=incident)] == [TEXTS["cause"]]
    lines = [entry.body for entry in incident.entries.filter(data__text="cause")]
    assert lines == ["changed the cause from “A guess” to “The report”"], "the first one of a wave replaces none"
    said = f"Wave 1: {TEXTS['cause']}\n\nWave 2: The report\n\nWave 2, written before: A guess"
    assert text_of(published, "cause") == said
    client = client_for(operator)
    for url in (published.url, f"{incident.url}?tab=triage", f"{incident.url}review.md"):
        text = plain(client, url)
        assert f"Cause: {TEXTS['cause']}" in text, url
        assert "Cause: The report" in text, url
    waves = client.get(f"{incident.url}review.json").json()["waves"]
    assert [row["cause"] for row in waves] == [TEXTS["cause"], "The report"]


def test_the_record_of_a_reopening_tells_how_often_it_came_back_and_every_clock(
    published: Review, platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by, client = actor_for(operator), client_for(operator)
    clock_policy(platform, "escalate", 15, label="P0")
    incident = reopened(published, by, at + 25 * MINUTE)
    assert incident.clocks.get(kind="escalate", stopped_at=None).started_at == at + 25 * MINUTE
    assert "Review published" not in plain(client, incident.url), "of the first wave"
    assert "Review published, round 1" in plain(client, published.url)
    over = incident_resolve(by=by, at=at + 34 * MINUTE, incident=incident, expected=incident.version)
    views = {view.label: view for view in clock_views(over, at + 35 * MINUTE, with_stopped=True)}
    assert (views["Review published, round 1"].state, views["Review published"].state) == ("met", "run")
    wrong = ReviewSection.objects.get(review=published, key="went-wrong")
    said = f"It came back {stamp(at + 25 * MINUTE)}, after wave 1 was resolved: It is back"
    assert said in unsaid(over, wrong, waves_of(over))
    assert f"- {said}" in next(body for key, _title, body in draft_sections(over) if key == "went-wrong")


def test_every_round_of_every_clock_is_named_in_the_review(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    clock_policy(platform, "escalate", 15, label="P0")
    incident = declare(platform, by=by, at=at, label="P0")
    for minute in (5, 20, 35):
        row = Incident.objects.get(pk=incident.pk)
        incident_resolve(by=by, at=at + minute * MINUTE, incident=row, expected=row.version)
        row.refresh_from_db()
        if minute < 35:
            again = at + (minute + 5) * MINUTE
            incident_reopen(by=by, at=again, incident=row, expected=row.version, why="Back")
    views = clock_views(row, at + 36 * MINUTE, with_stopped=True)
    said = {view.label: view.result for view in views if view.kind == "escalate"}
    assert said == {
        "Escalate, round 1": "05:00, not needed",
        "Escalate, round 2": "10:00, not needed",
        "Escalate, round 3": "10:00, not needed",
    }
    assert "Acknowledge" in [view.label for view in views], "of one round no number is said"


def test_a_long_timeline_keeps_its_course_and_says_how_much_is_cut(
    published: Review, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    incident = published.incident
    for number in range(45):
        append(incident, kind=EntryKind.ALARM, body=f"db ok → ALARM {number}", by=SYSTEM, at=at + MINUTE)
    append(incident, kind=EntryKind.DECISION, body="Fail over", by=by, at=at + timedelta(seconds=30))
    over_again(published, by, at + 25 * MINUTE)
    found = key_entries(incident)
    said = [entry.body for entry in found]
    for start in ("reopened: It is back", "marked mitigated after 29", "resolved after 34"):
        assert any(body.startswith(start) for body in said), start
    cut = key_entries_cut(incident, found)
    assert len(found) + cut == 45 + incident.entries.filter(kind__in=KEY_KINDS).exclude(kind=EntryKind.ALARM).count()
    client = client_for(operator)
    page, markdown = plain(client, published.url), plain(client, f"{incident.url}review.md")
    for text in (page, markdown):
        assert f"{len(found)} of {len(found) + cut} key moments" in text
        assert "Decision:" in text.replace("</b>", "")
    assert client.get(f"{incident.url}review.json").json()["key_moments_cut"] == cut


def test_a_wave_does_not_end_before_the_one_before_it(
    published: Review, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident = reopened(published, actor_for(operator), at + 25 * MINUTE)
    assert incident.resolution == "", "what ended the first wave did not end the second"
    with pytest.raises(TimeOrderError, match="Wave 1 was resolved"):
        incident_resolve(
            by=SYSTEM, at=at + 30 * MINUTE, incident=incident, expected=incident.version, resolved_at=at + 14 * MINUTE
        )


def test_what_was_about_to_be_handed_in_was_another_version(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at, label="P0")
    incident = incident_resolve(by=by, at=at + MINUTE, incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at + MINUTE, incident=incident)
    sent = review_submit(by=by, at=at + MINUTE, review=review, expected=review.version)
    reopened(sent, by, at + 2 * MINUTE)
    review = Review.objects.get(pk=review.pk)
    assert (review.state, review.version, review.submitted_at) == ("draft", sent.version + 1, None)
    assert not ReviewEdition.objects.exists()
