"""What two tabs, two readers and two machines write at once: nothing is overwritten, nothing happens twice (P8, P9)."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from incidents.errors import IncidentError
from incidents.loops import fire_clocks
from incidents.models import Incident, IncidentClock, IncidentLink, Review, ReviewSection, TimelineEntry, UserReport
from incidents.services import (
    clock_pause,
    entry_log,
    incident_link,
    incident_merge,
    incident_resolve,
    report_add,
    report_attach,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.attachments import attachment_add
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform
from tests.at_once import at_once
from tests.factories.accounts import token_persona
from tests.factories.incidents import SYSTEM, declare, severity

ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


def _review(incident: Incident, by: Actor, at: datetime) -> Review:
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    return review_draft(by=by, at=at, incident=done)


def test_two_tabs_that_rate_the_same_incident_are_one_change_and_one_merge_page(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = declare(platform, by=actor_for(commander), at=at)
    tabs = [(client_for(commander), severity(platform, label)) for label in ("P0", "P2")]

    def send(tab: tuple[Client, Any]) -> int:
        client, chosen = tab
        data = {"severity": chosen.pk, "why": f"now {chosen.label}", "version": incident.version}
        return client.post(f"{incident.url}severity/", data).status_code

    assert sorted(at_once(*(partial(send, tab) for tab in tabs))) == [303, 409]  # type: ignore[type-var]
    lines = TimelineEntry.objects.filter(incident=incident, body__contains="now P")
    incident.refresh_from_db()
    assert [line.body.rsplit(" ", 1)[-1] for line in lines] == [incident.severity.label]


def test_what_is_published_is_what_the_reader_agreed_to(
    platform: Platform, at: datetime, commander: User, admin: User, actor_for: ActorFor
) -> None:
    for _ in range(6):
        author, reader = actor_for(commander), actor_for(admin)
        review = _review(declare(platform, by=author, at=at), author, at)
        review = review_submit(by=author, at=at, review=review, expected=review.version)
        section = ReviewSection.objects.select_related("review__incident").get(review=review, key="lessons")
        edit = partial(review_section_edit, by=author, at=at, section=section, expected=section.version, body="late")
        # An empty section is a gap: who publishes all the same says why.
        word = "Enough is known."
        publish = partial(review_publish, by=reader, at=at, review=review, expected=review.version, note=word)
        edited, published = at_once(edit, publish)
        text, state = ReviewSection.objects.get(pk=section.pk).body, Review.objects.get(pk=review.pk).state
        if isinstance(published, VersionConflictError):  # the edit came first: the reader reads again
            assert (text, state) == ("late", "in_review")
        else:
            assert isinstance(edited, IncidentError), edited
            assert (text != "late", state) == (True, "published")


def test_one_key_with_two_bodies_does_one_of_them(platform: Platform, commander: User, client_for: ClientFor) -> None:
    token = token_persona(commander, "read", "incident:write")
    clients = [client_for(token) for _ in range(6)]

    def send(n: int) -> tuple[int, str]:
        body = {"platform": platform.key, "title": f"Fault {n % 2}"}
        headers = {"Idempotency-Key": "one"}
        answer = clients[n].post(reverse("incidents-api:list"), body, content_type=JSON, headers=headers)
        return answer.status_code, json.loads(answer.content)["title"] if answer.status_code == 201 else ""

    answers = at_once(*(partial(send, n) for n in range(6)))
    title = Incident.objects.get().title
    assert sorted(answers) == [(201, title)] * 3 + [(422, "")] * 3  # type: ignore[type-var]


def test_one_key_of_a_form_with_two_bodies_does_one_of_them(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident = declare(platform, by=actor_for(commander), at=at)
    clients = [client_for(commander) for _ in range(4)]

    def send(n: int) -> int:
        data = {"state": "identified", "audience": "internal", "body": f"text {n % 2}", "version": incident.version}
        return clients[n].post(f"{incident.url}update/", data | {"idempotency_key": "u"}).status_code

    assert sorted(at_once(*(partial(send, n) for n in range(4)))) == [303, 303, 422, 422]  # type: ignore[type-var]
    assert incident.updates.count() == 1


def test_a_report_that_joins_while_its_incident_is_merged_is_kept_whole(platform: Platform, at: datetime) -> None:
    for _ in range(4):
        one, two = (declare(platform, by=SYSTEM, at=at) for _ in range(2))
        report = report_add(by=SYSTEM, at=at, platform_id=platform.pk, text="slow", kind="fault", channel="phone")
        results = at_once(
            partial(report_attach, by=SYSTEM, at=at, report=report, incident=one),
            partial(attachment_add, by=SYSTEM, at=at, incident=one, name="pool.log", content=b"full"),
            partial(incident_merge, by=SYSTEM, at=at, incident=one, expected=one.version, target=two),
            partial(entry_log, by=SYSTEM, at=at, incident=two, body="a line meanwhile"),
        )
        assert not [result for result in results if isinstance(result, Exception)]
        assert UserReport.objects.get(pk=report.pk).incident_id == one.pk
        for incident in (one, two):
            numbers = list(incident.entries.order_by("number").values_list("number", flat=True))
            assert numbers == list(range(1, len(numbers) + 1))


def test_two_who_link_the_same_incidents_from_both_ends_make_one_link(platform: Platform, at: datetime) -> None:
    for _ in range(6):
        one, two = (declare(platform, by=SYSTEM, at=at) for _ in range(2))
        link = partial(incident_link, by=SYSTEM, at=at, kind="related")
        results = at_once(
            partial(link, incident=one, expected=one.version, other=two),
            partial(link, incident=two, expected=two.version, other=one),
        )
        assert not [result for result in results if isinstance(result, Exception)]
        assert IncidentLink.objects.filter(incident__in=[one, two]).count() == 1


def test_a_clock_that_is_paused_while_it_fires_is_either(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    by = actor_for(commander)
    for _ in range(6):
        incident = declare(platform, by=SYSTEM, at=at)
        due = IncidentClock.objects.get(incident=incident, kind="acknowledge").due_at
        assert due is not None
        before = due - timedelta(seconds=1)
        pause = partial(clock_pause, by=by, at=before, incident=incident, expected=1, kind="acknowledge", why="x")
        paused, _fired = at_once(pause, partial(fire_clocks, due + timedelta(seconds=1)))
        clock = IncidentClock.objects.get(incident=incident, kind="acknowledge")
        said = incident.entries.filter(kind="clock", data__clock=clock.pk).count()
        if isinstance(paused, IncidentClock):
            assert (clock.outcome, clock.fired_at, clock.paused_at) == ("running", None, before)
        else:
            assert isinstance(paused, IncidentError | VersionConflictError), paused
            assert (clock.outcome, clock.paused_at) == ("missed", None)
        assert said == 1


ACTS = ("acknowledge", "severity", "role", "stage", "update", "triage", "mitigate", "resolve", "describe", "restrict",
        "clock-pause", "clock-resume", "clock-done", "merge", "link", "plan", "problem")  # fmt: skip
FIELDS = {
    "severity": "", "role": "scribe", "user_id": "", "why": "x", "stage": "respond", "state": "identified", "body": "x",
    "audience": "internal", "note": "x", "resolution": "x", "title": "Another title", "kind": "acknowledge",
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("act", ACTS)
def test_no_act_goes_without_the_version_that_was_looked_at(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor, client_for: ClientFor, act: str
) -> None:
    incident = declare(platform, by=actor_for(commander), at=at)
    fields = FIELDS | {"severity": str(severity(platform, "P0").pk), "user_id": str(commander.pk)}
    lines, audited = incident.entries.count(), AuditEntry.objects.count()
    for version in ({}, {"version": ""}, {"version": "0"}, {"version": "x"}):
        answer = client_for(commander).post(f"{incident.url}{act}/", fields | version)
        assert answer.status_code == 422, version
    assert (incident.entries.count(), AuditEntry.objects.count()) == (lines, audited)
    version_now, title = Incident.objects.values_list("version", "title").get(pk=incident.pk)
    assert (version_now, title) == (incident.version, incident.title)
