"""Pausing, warning, paging, ticking off: what moves a clock, and who is told."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from django.test import Client

from incidents.clocks import WARN_SHARE
from incidents.errors import IncidentError
from incidents.loops import fire_clocks, remind_reviews, send_pages, warn_clocks
from incidents.models import ContactPage, Incident, IncidentClock, TimelineEntry
from incidents.services import (
    clock_done,
    clock_pause,
    clock_resume,
    incident_acknowledge,
    incident_reopen,
    incident_resolve,
    incident_set_severity,
    update_post,
)
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.core.models import VersionConflictError
from opsportal.notifications.models import Notice, OutboxMessage
from opsportal.platforms.models import BusinessCalendar, Contact, Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare, severity

ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def clock(incident: Incident, kind: str) -> IncidentClock:
    return IncidentClock.objects.filter(incident=incident, kind=kind).latest("round")


def fresh(incident: Incident) -> Incident:
    return Incident.objects.get(pk=incident.pk)


def lines(incident: Incident) -> list[str]:
    return list(TimelineEntry.objects.filter(incident=incident, kind="clock").values_list("body", flat=True))


@pytest.fixture
def office(platform: Platform) -> BusinessCalendar:
    return BusinessCalendar.objects.create(
        platform=platform, key="office", name="Office", zone="UTC", weekdays=[1, 2, 3, 4, 5], opens_at=time(9),
        closes_at=time(17),
    )  # fmt: skip


def test_a_pause_moves_the_due_instant_by_the_paused_time(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    before = clock(incident, "acknowledge")
    assert before.due_at is not None
    clock_pause(
        by=SYSTEM, at=at + 5 * MINUTE, incident=incident, expected=1, kind="acknowledge", why="vendor is called"
    )
    paused = clock(incident, "acknowledge")
    assert (paused.due_at, paused.left, paused.pause_reason) == (None, 10 * MINUTE, "vendor is called")
    assert fire_clocks(at + 25 * MINUTE) == 0
    assert warn_clocks(at + 25 * MINUTE) == 1  # the update clock's, which is not paused
    clock_resume(
        by=SYSTEM, at=at + 65 * MINUTE, incident=incident, expected=fresh(incident).version, kind="acknowledge"
    )
    resumed = clock(incident, "acknowledge")
    assert (resumed.due_at, resumed.paused_at, resumed.paused_for) == (before.due_at + 60 * MINUTE, None, 60 * MINUTE)
    assert "Acknowledge paused, 10 min left: vendor is called" in [
        line.replace("\xa0", " ") for line in lines(incident)
    ]
    verbs = AuditEntry.objects.filter(verb__startswith="incidents.clock.").values_list("verb", flat=True)
    assert {"incidents.clock.paused", "incidents.clock.resumed"} <= set(verbs)


def test_business_minutes_left_are_kept_over_a_night(
    platform: Platform, office: BusinessCalendar, at: datetime
) -> None:
    clock_policy(platform, "resolve", 240, calendar=office)
    incident = declare(platform, by=SYSTEM, at=at + timedelta(hours=6))  # Tuesday 15:00
    assert clock(incident, "resolve").due_at == at + timedelta(days=1, hours=2)
    clock_pause(
        by=SYSTEM, at=at + timedelta(hours=7), incident=incident, expected=1, kind="resolve", why="part ordered"
    )
    assert clock(incident, "resolve").left == timedelta(hours=3)
    clock_resume(by=SYSTEM, at=at + timedelta(days=1, hours=12), incident=incident, expected=1, kind="resolve")
    assert clock(incident, "resolve").due_at == at + timedelta(days=2, hours=3)  # Thursday 12:00


def test_what_is_done_while_paused_is_met(
    platform: Platform, at: datetime, commander: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    clock_pause(by=SYSTEM, at=at + MINUTE, incident=incident, expected=1, kind="acknowledge", why="wrong service")
    incident_acknowledge(by=actor_for(commander), at=at + 50 * MINUTE, incident=incident, expected=1)
    ended = clock(incident, "acknowledge")
    assert (ended.outcome, ended.paused_at, ended.paused_for) == ("met", None, 49 * MINUTE)


@pytest.mark.parametrize("kind, why, said", [("review", "x", "cannot be paused"), ("acknowledge", " ", "Say why")])
def test_some_clocks_are_never_paused_and_none_without_a_reason(
    platform: Platform, at: datetime, kind: str, why: str, said: str
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    if kind == "review":
        incident = incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=1)
    with pytest.raises(IncidentError, match=said):
        clock_pause(by=SYSTEM, at=at + 2 * MINUTE, incident=incident, expected=incident.version, kind=kind, why=why)


def test_a_policy_may_forbid_pauses_and_a_miss_cannot_be_undone(platform: Platform, at: datetime) -> None:
    clock_policy(platform, "resolve", 60, may_pause=False)
    incident = declare(platform, by=SYSTEM, at=at)
    with pytest.raises(IncidentError, match="cannot be paused"):
        clock_pause(by=SYSTEM, at=at, incident=incident, expected=1, kind="resolve", why="x")
    with pytest.raises(IncidentError, match="missed already"):
        clock_pause(by=SYSTEM, at=at + 20 * MINUTE, incident=incident, expected=1, kind="acknowledge", why="x")
    with pytest.raises(VersionConflictError):
        clock_pause(by=SYSTEM, at=at, incident=incident, expected=7, kind="acknowledge", why="x")


def test_a_clock_may_be_paused_as_its_own_rule_said(platform: Platform, at: datetime) -> None:
    rule = clock_policy(platform, "resolve", 60, may_pause=False)
    before = declare(platform, by=SYSTEM, at=at)
    type(rule).objects.filter(pk=rule.pk).update(may_pause=True)
    after = declare(platform, by=SYSTEM, at=at)
    assert [clock(one, "resolve").may_pause for one in (before, after)] == [False, True]
    type(rule).objects.filter(pk=rule.pk).update(may_pause=False)
    with pytest.raises(IncidentError, match="cannot be paused"):
        clock_pause(by=SYSTEM, at=at, incident=before, expected=1, kind="resolve", why="x")
    clock_pause(by=SYSTEM, at=at, incident=after, expected=1, kind="resolve", why="x")


def test_a_clocks_own_button_names_it_and_opens_its_form(
    platform: Platform, commander: User, client_for: ClientFor, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=actor_for(commander), at=now())
    client = client_for(commander)
    assert 'aria-label="Pause Status update"' in client.get(incident.url).content.decode()
    page = client.get(f"{incident.url}clock-pause/?kind=update").content.decode()
    assert '<option value="update" selected' in page
    assert client.get(f"{incident.url}clock-pause/?kind=nonsense").status_code == 200


def test_a_milder_severity_keeps_the_pause_uncounted(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    clock_pause(by=SYSTEM, at=at + MINUTE, incident=incident, expected=1, kind="acknowledge", why="x")
    milder = severity(platform, "P2")
    incident_set_severity(by=SYSTEM, at=at + 41 * MINUTE, incident=incident, expected=1, severity=milder, why="few")
    again = clock(incident, "acknowledge")
    assert (again.round, again.due_at) == (2, at + 40 * MINUTE + 15 * MINUTE)


def test_raised_again_the_duties_that_come_again_run_at_once(platform: Platform, at: datetime) -> None:
    for label in ("P0", "P2"):
        clock_policy(platform, "update", 30 if label == "P0" else None, label=label)
    clock_policy(platform, "resolve", 60, label="P0")
    incident = declare(platform, by=SYSTEM, at=at, label="P0")

    def now_on() -> Incident:
        return Incident.objects.get(pk=incident.pk)

    def rank(label: str, minute: int) -> None:
        to, row = severity(platform, label), now_on()
        incident_set_severity(
            by=SYSTEM, at=at + minute * MINUTE, incident=row, expected=row.version, severity=to, why="x"
        )

    update_post(
        by=SYSTEM, at=at + MINUTE, incident=incident, expected=1, state="identified", audience="public", body="Known"
    )
    rank("P2", 2)
    assert not incident.clocks.filter(kind__in=["update", "resolve"], stopped_at=None).exists()
    rank("P0", 3)
    assert clock(incident, "update").due_at == at + 33 * MINUTE
    incident_resolve(by=SYSTEM, at=at + 4 * MINUTE, incident=now_on(), expected=now_on().version)
    incident_reopen(by=SYSTEM, at=at + 5 * MINUTE, incident=now_on(), expected=now_on().version, why="Back")
    rank("P2", 6)
    rank("P0", 7)
    for kind, due in (("update", 37), ("resolve", 67)):
        assert clock(incident, kind).due_at == at + due * MINUTE, kind


def test_a_warning_comes_once_before_the_miss(platform: Platform, at: datetime, operator: User) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    share = at + 15 * WARN_SHARE * MINUTE
    assert clock(incident, "acknowledge").warn_at == share
    assert warn_clocks(share - timedelta(microseconds=1)) == 0
    assert warn_clocks(share) == 1
    assert warn_clocks(share + MINUTE) == 0
    (line,) = lines(incident)
    assert line.replace("\xa0", " ").startswith("Acknowledge due in 3 min: 15 min")
    assert Notice.objects.filter(user=operator, kind="incident.clock").count() == 1
    assert warn_clocks(at + 45 * MINUTE) == 0, "the update clock is missed by then: nothing is left to warn of"


def test_a_policy_says_when_to_warn(platform: Platform, at: datetime) -> None:
    clock_policy(platform, "acknowledge", 20, warn_share=0.5)
    assert clock(declare(platform, by=SYSTEM, at=at), "acknowledge").warn_at == at + 10 * MINUTE


def test_next_business_day_and_next_sprint(platform: Platform, office: BusinessCalendar, at: datetime) -> None:
    clock_policy(platform, "respond", None, due_rule="next_business_day", calendar=office, text="Next business day")
    sprint = clock_policy(platform, "resolve", None, due_rule="next_sprint", text="Next sprint")
    incident = declare(platform, by=SYSTEM, at=at)
    assert clock(incident, "respond").due_at == at.replace(hour=17) + timedelta(days=1)
    assert (clock(incident, "resolve").due_at, clock(incident, "resolve").rule_text) == (None, "Next sprint")
    sprint.update_versioned(expected=1, due_on=date(2026, 3, 20), calendar=office)
    dated = clock(declare(platform, by=SYSTEM, at=at, title="Another"), "resolve")
    assert (dated.due_at, dated.rule_text) == (at.replace(day=20, hour=17), "Next sprint, 20 Mar 2026")
    late = clock(declare(platform, by=SYSTEM, at=at + timedelta(days=30), title="Third"), "resolve")
    assert late.due_at is None, "a sprint that is over gives no number"


def test_an_update_ends_the_stakeholders_clock(platform: Platform, at: datetime) -> None:
    clock_policy(platform, "stakeholder", 15, source_text="Phase09 §2")
    incident = declare(platform, by=SYSTEM, at=at)
    update_post(
        by=SYSTEM,
        at=at + 5 * MINUTE,
        incident=incident,
        expected=1,
        state="investigating",
        audience="internal",
        body="x",
    )
    assert clock(incident, "stakeholder").outcome == "met"


def test_a_breach_starts_72_hours_that_no_resolution_ends(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at, type="data_breach")
    running = clock(incident, "breach")
    assert (running.due_at, running.source_text) == (at + timedelta(hours=72), "GDPR art. 33")
    incident = incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=1)
    assert clock(incident, "breach").stopped_at is None
    with pytest.raises(IncidentError, match="cannot be paused"):
        clock_pause(by=SYSTEM, at=at, incident=incident, expected=incident.version, kind="breach", why="x")
    told, version = at + timedelta(hours=71), incident.version
    clock_done(by=SYSTEM, at=told, incident=incident, expected=version, kind="breach", note="DPA 4711")
    assert clock(incident, "breach").outcome == "met"
    assert "Authority told: DPA 4711" in lines(incident)


def contact(platform: Platform, level: int, email: str = "", duty: str = "on_call") -> Contact:
    name = f"Contact {level}"
    return Contact.objects.create(
        platform=platform, key=f"c{level}", name=name, level=level, email=email, duty=duty, source="guide"
    )


def test_each_miss_goes_one_contact_up_and_stays_at_the_top(
    platform: Platform, at: datetime, operator: User, commander: User
) -> None:
    contact(platform, 1, operator.email.upper())
    contact(platform, 2, "lead@example.com")
    contact(platform, 3, duty="vendor")
    clock_policy(platform, "escalate", 20)
    clock_policy(platform, "resolve", 60)
    incident = declare(platform, by=SYSTEM, at=at)
    page = Notice.objects.get(user=operator, kind="incident.page")
    assert page.subject.startswith(f"Page for Contact 1: P1 {incident.reference}")
    for minutes in (15, 20, 30, 60):
        fire_clocks(at + minutes * MINUTE)
    assert list(ContactPage.objects.order_by("pk").values_list("level", "asked_at")) == [
        (1, at), (2, at + 15 * MINUTE), (2, at + 20 * MINUTE), (2, at + 60 * MINUTE),
    ]  # fmt: skip
    said = [line for line in lines(incident) if line.startswith("paged")]
    assert said[0] == "paged Contact 1 (contact 1): P1 was opened"
    assert said[1] == "paged Contact 2 (contact 2): acknowledge 1 was missed"


def test_a_page_goes_by_mail_to_an_address_outside(platform: Platform, at: datetime, settings: object) -> None:
    settings.EMAIL_CONFIGURED = True  # type: ignore[attr-defined]
    contact(platform, 1, "oncall@example.com")
    declare(platform, by=SYSTEM, at=at)
    assert (
        OutboxMessage.objects.filter(kind="incident.page").values_list("target", flat=True)[0] == "oncall@example.com"
    )


def test_without_an_address_those_who_decide_are_told_and_the_timeline_says_so(
    platform: Platform, at: datetime, commander: User, operator: User
) -> None:
    contact(platform, 1)
    incident = declare(platform, by=SYSTEM, at=at)
    told = set(Notice.objects.filter(kind="incident.page").values_list("user_id", flat=True))
    assert commander.pk in told
    assert operator.pk not in told
    assert "no address in the pack" in lines(incident)[0]


def test_a_restricted_incident_pages_only_those_who_may_know(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    contact(platform, 1, "oncall@example.com")
    declare(platform, by=actor_for(operator), at=at, type="security", take_command=False)
    assert set(Notice.objects.filter(kind="incident.page").values_list("user_id", flat=True)) == {operator.pk}
    assert not OutboxMessage.objects.filter(target="oncall@example.com").exists()


def test_the_page_waits_for_its_calendar_the_answer_does_not(
    platform: Platform, office: BusinessCalendar, at: datetime, operator: User
) -> None:
    """Phase09's P1: paged in business hours, to be answered within 15 minutes at any hour."""
    contact(platform, 1, operator.email)
    clock_policy(platform, "page", None, calendar=office, text="During business hours")
    clock_policy(platform, "respond", 15, source_text="Phase09 §2")
    night = at - timedelta(hours=6)  # Tuesday 03:00
    incident = declare(platform, by=SYSTEM, at=night)
    assert clock(incident, "respond").due_at == night + 15 * MINUTE
    assert not Notice.objects.filter(kind="incident.page").exists()
    assert send_pages(at - timedelta(seconds=1)) == 0
    assert send_pages(at) == 1  # 09:00
    assert send_pages(at) == 0
    assert Notice.objects.filter(kind="incident.page").count() == 1


def test_a_waiting_page_is_dropped_when_someone_took_it(
    platform: Platform, office: BusinessCalendar, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    contact(platform, 1, operator.email)
    clock_policy(platform, "page", None, calendar=office, text="During business hours")
    incident = declare(platform, by=SYSTEM, at=at - timedelta(hours=6))
    incident_acknowledge(by=actor_for(operator), at=at - timedelta(hours=5), incident=incident, expected=1)
    send_pages(at)
    page = ContactPage.objects.get()
    assert (page.sent_at, page.dropped_at) == (None, at)


def test_an_overdue_review_reaches_the_manager_once_a_day(platform: Platform, at: datetime, manager: User) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    incident_resolve(by=SYSTEM, at=at, incident=incident, expected=1)
    due = clock(incident, "review").due_at
    assert due is not None
    steps = (-MINUTE, timedelta(0), timedelta(hours=23), timedelta(days=1))
    assert [remind_reviews(due + step) for step in steps] == [0, 1, 0, 1]
    assert Notice.objects.filter(user=manager, kind="incident.review").count() == 2


def test_a_stepping_server_clock_fires_each_clock_once_and_never_early(platform: Platform, at: datetime) -> None:
    for number in range(3):
        declare(platform, by=SYSTEM, at=at + number * MINUTE, title=f"Fault {number}")
    for minutes in (5, 14, 3, 16, 15, 2, 40, 10, 41):
        fire_clocks(at + minutes * MINUTE)
        warn_clocks(at + minutes * MINUTE)
    clocks = list(IncidentClock.objects.all())
    assert all(one.fired_at is not None and one.due_at is not None and one.fired_at >= one.due_at for one in clocks)
    assert sum("missed" in line for line in TimelineEntry.objects.values_list("body", flat=True)) == len(clocks)


def test_pause_and_resume_by_button_and_by_token(
    platform: Platform, at: datetime, commander: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=now())
    client = client_for(commander)
    url = f"/incidents/{incident.number}/"
    assert "clock-pause" in client.get(url).content.decode()
    answer = client.post(f"{url}clock-pause/", {"version": "1", "kind": "acknowledge", "why": "vendor <b>called</b>"})
    assert answer.status_code == 303
    page = client.get(url).content.decode()
    assert "paused: vendor &lt;b&gt;called&lt;/b&gt;" in page
    again = client.post(f"{url}clock-pause/", {"version": "1", "kind": "acknowledge", "why": "twice"})
    assert again.status_code == 303, "a repeat changes nothing"
    assert clock(incident, "acknowledge").pause_reason == "vendor <b>called</b>"
    assert client.post(f"{url}clock-resume/", {"version": "1", "kind": "acknowledge"}).status_code == 303
    refused = client.post(f"{url}clock-done/", {"version": "1", "kind": "breach"})
    assert (refused.status_code, "runs on this incident" in refused.content.decode()) == (422, True)
    api = f"/api/v1/incidents/{incident.number}/"
    sent = client.post(
        f"{api}clock-pause/", {"kind": "update", "why": "quiet night"}, content_type="application/json",
        headers={"If-Match": client.get(api)["ETag"]},
    )  # fmt: skip
    assert sent.status_code == 200, sent.content
    assert clock(incident, "update").paused_at is not None
