"""What the review of an incident that was reopened says is true of each of its waves (M-PIR)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.exports.reviews import for_the_public
from incidents.models import AlarmClaim, Incident, Review, ReviewSection
from incidents.selectors import key_entries
from incidents.selectors.drafting import draft_sections
from incidents.selectors.related import alarms_nearby
from incidents.selectors.reviews import AFTER_ENTRIES, KEY_ENTRIES
from incidents.selectors.situation import similar_incidents, situation_of
from incidents.selectors.waves import waves_of
from incidents.services import (
    claim_transition,
    incident_close,
    incident_describe,
    incident_merge,
    incident_reopen,
    incident_resolve,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.timeline import append
from monitoring.models import Alarm
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.formats import stamp
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, declare, transition

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
TEXTS = {"users_affected": "about 40", "cause": "The disk", "resolution": "Replaced it"}


@pytest.fixture
def incident(platform: Platform, at: datetime, commander: User, actor_for: ActorFor) -> Incident:
    """Opened by the alarm db, resolved after ten minutes, not closed."""
    claim_transition(transition=transition(alarm(platform), "alarm", at), at=at)
    opened = Incident.objects.get()
    return over(opened, at + 10 * MINUTE)


def over(incident: Incident, at: datetime, resolution: str = "") -> Incident:
    incident.refresh_from_db()
    return incident_resolve(by=SYSTEM, at=at, incident=incident, expected=incident.version, resolution=resolution)


def again(incident: Incident, at: datetime) -> Incident:
    incident.refresh_from_db()
    return incident_reopen(by=SYSTEM, at=at, incident=incident, expected=incident.version, why="It is back")


def described(incident: Incident, at: datetime, **texts: str) -> None:
    incident.refresh_from_db()
    incident_describe(by=SYSTEM, at=at, incident=incident, expected=incident.version, changes=texts)


def drafted(incident: Incident, key: str) -> str:
    incident.refresh_from_db()
    return next(body for name, _title, body in draft_sections(incident) if name == key)


def plain(client: Client, url: str) -> str:
    return client.get(url).content.decode().replace("&nbsp;", " ").replace("\xa0", " ")


def test_a_wave_begins_with_the_fault_that_was_merged_in_not_with_the_press_of_reopen(
    incident: Incident, platform: Platform, at: datetime, commander: User, client_for: ClientFor
) -> None:
    claim_transition(
        transition=transition(alarm(platform, key="pool", signal="pool"), "alarm", at + 12 * MINUTE),
        at=at + 13 * MINUTE,
    )
    other = Incident.objects.exclude(pk=incident.pk).get()
    incident.refresh_from_db()
    incident_merge(by=SYSTEM, at=at + 14 * MINUTE, incident=other, expected=other.version, target=incident)
    again(incident, at + 16 * MINUTE)
    first, second = waves_of(incident)
    assert (first.began_at, second.began_at, second.reopened_at) == (at, at + 12 * MINUTE, at + 16 * MINUTE)
    said = f"It came back {stamp(at + 12 * MINUTE)}, reopened {stamp(at + 16 * MINUTE)}, after wave 1 was resolved"
    assert said in drafted(incident, "went-wrong")
    assert f"from {stamp(at + 12 * MINUTE)}, reopened {stamp(at + 16 * MINUTE)}" in drafted(incident, "impact")
    line = incident.entries.get(body__startswith=f"{other.reference}: Alarm pool ok → ALARM")
    assert (line.kind, line.occurred_at) == ("alarm", at + 12 * MINUTE)
    over(incident, at + 20 * MINUTE)
    review_draft(by=SYSTEM, at=at + 21 * MINUTE, incident=incident)
    wave = client_for(commander).get(f"{incident.url}review.json").json()["waves"][1]
    assert datetime.fromisoformat(wave["began_at"]) == at + 12 * MINUTE
    assert datetime.fromisoformat(wave["reopened_at"]) == at + 16 * MINUTE


def test_a_wave_begins_when_its_own_alarm_fired_again(incident: Incident, platform: Platform, at: datetime) -> None:
    db, other = Alarm.objects.get(), declare(platform, by=SYSTEM, at=at)
    for minute, told in ((12, other), (13, None)):
        event = transition(db, "alarm", at + minute * MINUTE)
        AlarmClaim.objects.create(
            transition=event, incident=told, outcome="attached" if told else "ignored", claimed_at=at
        )
    again(incident, at + 16 * MINUTE)
    assert waves_of(incident)[1].began_at == at + 13 * MINUTE, "what another incident was told of is that one's"


def test_what_came_back_is_said_of_each_wave_once_for_each_alarm(
    incident: Incident, platform: Platform, at: datetime
) -> None:
    db, names = Alarm.objects.get(), [alarm(platform, key=f"{number:02}", signal=f"s{number}") for number in range(9)]

    def back(of: Alarm, minute: int) -> None:
        append(incident, kind=EntryKind.METRIC, body=f"{of.name} is back: 38", by=SYSTEM, at=at + 30 * MINUTE,
               occurred_at=at + minute * MINUTE, data={"alarm": of.pk})  # fmt: skip

    for name in names:
        back(name, 4)
    for minute in (5, 11, 12, 13):
        back(db, minute)
    again(incident, at + 16 * MINUTE)
    over(incident, at + 20 * MINUTE)
    back(db, 18)
    text = drafted(incident, "resolution")
    lines = [line for line in text.splitlines() if "Alarm db is back" in line]
    assert lines == [f"- {stamp(at + minute * MINUTE)}: Alarm db is back: 38" for minute in (5, 18)]
    assert text.count(" is back") == 9, "eight of the first wave, one of the second"
    assert "2 more alarms came back" in text.replace("\xa0", " ")


def test_every_cause_is_said_with_its_wave(
    incident: Incident, at: datetime, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    described(incident, at + 11 * MINUTE, cause="cause one")
    review = review_draft(by=SYSTEM, at=at + 12 * MINUTE, incident=incident)
    again(incident, at + 16 * MINUTE)
    described(incident, at + 17 * MINUTE, cause="cause two")
    over(incident, at + 20 * MINUTE)
    incident.refresh_from_db()
    incident_close(
        by=SYSTEM, at=at + 21 * MINUTE, incident=incident, expected=incident.version, texts=TEXTS,
        reviewer_id=commander.pk,
    )  # fmt: skip
    said = ["Wave 1: cause one", "Wave 2: The disk", "Wave 2, written before: cause two"]
    section = ReviewSection.objects.get(review=review, key="cause")
    assert section.body == "\n\n".join(said)
    review_section_edit(
        by=actor_for(commander), at=at, section=section, expected=section.version, body="It was cause one."
    )
    client = client_for(commander)
    page, markdown = plain(client, review.url), plain(client, f"{incident.url}review.md")
    assert "<details open><summary>The record says as well" in page, "on paper too"
    beside = markdown.split("## Cause")[1].split("## Resolution")[0]
    for text in said[1:]:
        assert text in page, text
        assert text in beside, text
    assert "Cause: The disk (written before: cause two)" in markdown.split("## Waves")[1]
    data = client.get(f"{incident.url}review.json").json()
    assert [(row["cause"], row["causes_before"]) for row in data["waves"]] == [
        ("cause one", []), ("The disk", ["cause two"]),
    ]  # fmt: skip
    assert [row["record_says_as_well"] for row in data["sections"] if row["key"] == "cause"] == [said[1:]]


def test_each_wave_says_what_ended_it_or_what_was_decided_or_that_nobody_wrote_it(
    incident: Incident, at: datetime
) -> None:
    append(incident, kind=EntryKind.DECISION, body="Fail over", by=SYSTEM, at=at + 5 * MINUTE)
    again(incident, at + 16 * MINUTE)
    over(incident, at + 20 * MINUTE, "Stopped the report")
    again(incident, at + 26 * MINUTE)
    over(incident, at + 30 * MINUTE)
    first, second, third = drafted(incident, "resolution").split("Wave ")[1:]
    assert first.strip() == f"1: \n\n- {stamp(at + 5 * MINUTE)}: decided: Fail over"
    assert (second.strip(), third.strip()) == ("2: Stopped the report", "3: not written down")


def test_a_wave_without_a_cause_and_an_incident_that_is_not_closed_are_missing(
    incident: Incident, at: datetime, commander: User, admin: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    described(incident, at + 11 * MINUTE, **TEXTS)
    again(incident, at + 16 * MINUTE)
    over(incident, at + 20 * MINUTE, "Replaced it again")
    review = review_draft(by=SYSTEM, at=at + 21 * MINUTE, incident=incident)
    sent = review_submit(by=actor_for(commander), at=at + 22 * MINUTE, review=review, expected=review.version)
    missing = ("wave 2 has no cause", f"{incident.reference} is not closed, its cause not written")
    page = plain(client_for(admin), review.url)
    with pytest.raises(IncidentError) as refused:
        review_publish(by=actor_for(admin), at=at + 23 * MINUTE, review=sent, expected=sent.version)
    for gap in missing:
        assert gap in page
        assert gap in str(refused.value)
    assert "wave 1 has no cause" not in page


def test_no_wave_and_no_kind_takes_the_place_of_another_among_the_key_moments(
    incident: Incident, at: datetime, commander: User, client_for: ClientFor
) -> None:
    for number in range(60):
        append(incident, kind=EntryKind.TASK, body=f"added the task {number}", by=SYSTEM, at=at + 2 * MINUTE)
    again(incident, at + 16 * MINUTE)
    later = ((EntryKind.UPDATE, 18), (EntryKind.PLAN, 8), (EntryKind.ALARM, 2), (EntryKind.DECISION, 2))
    for kind, count in later:
        for number in range(count):
            append(incident, kind=kind, body=f"{kind} {number}", by=SYSTEM, at=at + 17 * MINUTE)
    over(incident, at + 20 * MINUTE)
    shown = key_entries(incident, waves_of(incident))
    assert [(kind, sum(entry.kind == kind for entry in shown)) for kind, _count in later] == [
        *later[:2], (EntryKind.ALARM, 3), later[3],
    ]  # fmt: skip
    assert any(entry.kind == EntryKind.TASK for entry in shown), "of the first wave too"
    assert len(shown) >= KEY_ENTRIES
    review = review_draft(by=SYSTEM, at=at + 21 * MINUTE, incident=incident)
    client = client_for(commander)
    data = client.get(f"{incident.url}review.json").json()
    said = f"{len(shown)} of {len(shown) + data['key_moments_cut']} key moments"
    assert said in plain(client, review.url)
    assert said in plain(client, f"{incident.url}review.md")


def test_what_came_after_it_was_published_is_counted_where_it_is_not_shown(
    incident: Incident, at: datetime, commander: User, admin: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    for number in range(45):
        append(incident, kind=EntryKind.DECISION, body=f"before {number}", by=SYSTEM, at=at + MINUTE)
    review = review_draft(by=SYSTEM, at=at + 11 * MINUTE, incident=incident)
    sent = review_submit(by=actor_for(commander), at=at + 12 * MINUTE, review=review, expected=review.version)
    review_publish(by=actor_for(admin), at=at + 13 * MINUTE, review=sent, expected=sent.version, note="Monday")
    for number in range(AFTER_ENTRIES + 3):
        append(incident, kind=EntryKind.DECISION, body=f"after {number}", by=SYSTEM, at=at + 14 * MINUTE)
    client = client_for(commander)
    page = plain(client, review.url).split("Since it was published")[1]
    after = plain(client, f"{incident.url}review.md").split("## Since it was published")[1]
    for text in (page, after):
        assert "after 0" in text
        assert f"{AFTER_ENTRIES} of {AFTER_ENTRIES + 3} key moments" in text
    assert client.get(f"{incident.url}review.json").json()["since_published_cut"] == 3


def test_one_name_fires_once_in_the_situation(
    incident: Incident, platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    for key, name in (("db", "Alarm db"), ("mirror", "Alarm db"), ("pool", "Alarm pool")):
        row = Alarm.objects.filter(key=key).first() or alarm(platform, key=key)
        Alarm.objects.filter(pk=row.pk).update(name=name, state="alarm", since=at)
    assert sorted(row.name for row in alarms_nearby(incident)) == ["Alarm db", "Alarm pool"]
    assert situation_of(actor_for(commander), incident, now=at).words.replace("\xa0", " ") == "2 alarms firing"


def test_the_public_reads_what_it_is_about_not_an_alarms_name(incident: Incident, at: datetime) -> None:
    assert incident.title == Alarm.objects.get().name
    review = review_draft(by=SYSTEM, at=at + 11 * MINUTE, incident=incident)
    assert incident.service is not None
    text = for_the_public(incident, list(ReviewSection.objects.filter(review=review)), ["impact"]).markdown
    assert text.startswith(f"# Incident of {incident.service.name}\n")
    assert f"**Incident of {incident.service.name}** lasted" in text
    assert "an alarm" not in text


def test_like_it_before_names_none_that_came_later(
    incident: Incident, platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    for days in (-3, 3):
        declare(platform, by=SYSTEM, at=at + timedelta(days=days), title=f"Alarm db {days}")
    found = similar_incidents(actor_for(commander), incident)
    assert [row.incident.title for row in found] == ["Alarm db -3"]
    assert not Review.objects.exists()
