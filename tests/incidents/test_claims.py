"""An alarm transition becomes an incident exactly once, whoever else is at it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from incidents import loops
from incidents.evidence.day import incidents_of_the_day
from incidents.loops import claim_alarms, draft_reviews, fire_clocks
from incidents.models import AlarmClaim, ClaimCursor, Incident, IncidentClock, Review, ReviewSection, TimelineEntry
from incidents.services import incident_acknowledge, incident_resolve, review_draft
from monitoring.evidence.registry import CheckContext, Finding
from monitoring.loops.watch import call_again
from monitoring.models import Annotation, Verdict
from monitoring.services.alarms import alarm_transition
from monitoring.services.marks import silence_end, silence_put
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform, Service
from tests.factories.incidents import SYSTEM, alarm, clock_policy, declare, transition
from tests.factories.intake import source_of
from tests.factories.monitoring import series_named, slo_of, write

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def outcomes() -> list[str]:
    return list(AlarmClaim.objects.order_by("transition_id").values_list("outcome", flat=True))


def test_an_alarm_opens_an_incident_with_clocks_timeline_notice_audit_and_mark(
    platform: Platform, at: datetime, operator: User, viewer: User
) -> None:
    event = transition(alarm(platform), "alarm", at)
    assert claim_alarms(at + MINUTE) == 1
    incident = Incident.objects.get()
    assert (incident.title, incident.severity.label, incident.severity.scheme.kind) == ("Alarm db", "P1", "incident")
    assert (incident.detected_at, incident.declared_at) == (event.recorded_at, at + MINUTE)
    assert incident.detection_source == "automated_alert"
    assert incident.commander_id is None
    due = IncidentClock.objects.get(incident=incident, kind="acknowledge").due_at
    assert due == event.recorded_at + 15 * MINUTE
    kinds = list(TimelineEntry.objects.filter(incident=incident).order_by("number").values_list("kind", flat=True))
    assert kinds == ["state", "alarm"]
    assert Notice.objects.filter(user=operator, kind="incident.opened").count() == 1
    assert not Notice.objects.filter(user=viewer).exists()
    assert AuditEntry.objects.filter(verb="incidents.incident.declared", actor_kind="system").count() == 1
    assert Annotation.objects.get().starts_at == incident.impact_started_at
    assert claim_alarms(at + 2 * MINUTE) == 0
    assert outcomes() == ["opened"]


@pytest.mark.parametrize(
    "kind, found_by", [("statuscake", "external_monitor"), ("pingdom", "external_monitor"),
                       ("alertmanager", "automated_alert")],
)  # fmt: skip
def test_what_looks_from_outside_is_said_to_have_found_it(
    platform: Platform, at: datetime, kind: str, found_by: str
) -> None:
    source, _path = source_of(platform, at=at, kind=kind)
    transition(alarm(platform, alert_source=source), "alarm", at)
    assert claim_alarms(at + MINUTE) == 1
    assert Incident.objects.get().detection_source == found_by


def test_a_second_source_of_the_same_signal_attaches_and_recovery_is_said(platform: Platform, at: datetime) -> None:
    first, mirrored = alarm(platform), alarm(platform, key="cloudwatch-arn")
    transition(first, "alarm", at)
    transition(mirrored, "alarm", at + MINUTE)
    transition(first, "ok", at + 5 * MINUTE, reason="70 ≤ 80")
    while claim_alarms(at + 6 * MINUTE):
        continue
    incident = Incident.objects.get()
    assert outcomes() == ["opened", "attached", "recovered"]
    assert TimelineEntry.objects.filter(incident=incident, kind="metric").get().body == "Alarm db is back: 70 ≤ 80"


def test_recovery_after_resolution_still_reaches_the_record(platform: Platform, at: datetime) -> None:
    source = alarm(platform)
    transition(source, "alarm", at)
    claim_alarms(at)
    incident = Incident.objects.get()
    incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version)
    transition(source, "ok", at + 2 * MINUTE)
    claim_alarms(at + 3 * MINUTE)
    assert outcomes() == ["opened", "recovered"]
    transition(source, "alarm", at + 9 * MINUTE)
    claim_alarms(at + 10 * MINUTE)
    assert Incident.objects.count() == 2


def test_only_what_fired_in_the_incident_is_back(platform: Platform, at: datetime) -> None:
    source, mirrored = alarm(platform), alarm(platform, key="cloudwatch-arn")
    transition(mirrored, "ok", at - 10 * MINUTE, from_state="unknown")
    transition(source, "alarm", at)
    transition(mirrored, "warning", at + MINUTE)
    transition(source, "ok", at - 9 * MINUTE)  # told late, of before it fired
    transition(mirrored, "ok", at + 2 * MINUTE, from_state="warning")
    while claim_alarms(at + 3 * MINUTE):
        continue
    assert outcomes() == ["ignored", "opened", "attached", "ignored", "attached"]
    lines = TimelineEntry.objects.filter(incident=Incident.objects.get(), kind__in=["alarm", "metric"])
    said = [body.split(":")[0] for body in lines.order_by("number").values_list("body", flat=True)]
    assert said[1:] == ["Alarm cloudwatch-arn alarm → warning", "Alarm cloudwatch-arn warning → OK"]


def test_what_clears_later_reaches_the_review_until_it_is_published(platform: Platform, at: datetime) -> None:
    first, second = alarm(platform), alarm(platform, key="cloudwatch-arn")
    for source in (first, second):
        transition(source, "alarm", at)
    while claim_alarms(at):
        continue
    incident = Incident.objects.get()
    over = incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version)
    review = review_draft(by=SYSTEM, at=at + MINUTE, incident=over)
    Incident.objects.update(state="closed", closed_at=at + MINUTE)
    transition(first, "ok", at + 2 * MINUTE, reason="70 ≤ 80")
    claim_alarms(at + 3 * MINUTE)
    section = ReviewSection.objects.get(review=review, key="resolution")
    assert "Alarm db is back: 70 ≤ 80" in section.body
    Review.objects.update(state="published", published_at=at + 3 * MINUTE)
    transition(second, "ok", at + 4 * MINUTE)
    claim_alarms(at + 5 * MINUTE)
    assert outcomes() == ["opened", "attached", "recovered", "ignored"]


def test_what_opens_nothing_is_noted_or_ignored(platform: Platform, at: datetime) -> None:
    quiet = alarm(platform, key="cpu", signal="cpu", opens_incident=False)
    transition(quiet, "alarm", at)
    claim_alarms(at)
    declare(platform, by=SYSTEM, at=at)
    transition(quiet, "alarm", at + MINUTE)
    transition(alarm(platform, key="s", signal="s"), "alarm", at + MINUTE, silenced=True)
    other = Service.objects.create(platform=platform, environment=platform.environments.get(), key="jobs", name="Jobs")
    transition(alarm(platform, key="x", signal="x", service=other, opens_incident=False), "alarm", at + MINUTE)
    transition(alarm(platform, key="ok", signal="ok"), "ok", at + MINUTE)
    claim_alarms(at + MINUTE)
    assert outcomes() == ["ignored", "attached", "ignored", "ignored", "ignored"]
    assert Incident.objects.count() == 1


@pytest.mark.parametrize("ends_early", [False, True])
def test_an_alarm_that_outlasts_its_silence_opens_the_incident_then(
    platform: Platform, at: datetime, *, ends_early: bool
) -> None:
    silence = silence_put(
        by=SYSTEM, at=at, platform=platform, service=None, starts_at=at, ends_at=at + 30 * MINUTE, reason="Window"
    )
    source, passing = alarm(platform), alarm(platform, key="b", signal="b")
    for one in (source, passing):
        alarm_transition(alarm=one, to_state="alarm", at=at + MINUTE, recorded_at=at + MINUTE, reason="88 > 80.")
    alarm_transition(alarm=passing, to_state="ok", at=at + 2 * MINUTE, recorded_at=at + 2 * MINUTE)
    while claim_alarms(at + 3 * MINUTE):
        continue
    assert call_again(at + 9 * MINUTE) == 0
    ends_at = at + (10 if ends_early else 30) * MINUTE
    if ends_early:
        silence_end(by=SYSTEM, at=ends_at, silence=silence, expected=silence.version)
    assert [call_again(ends_at), call_again(ends_at)] == [1, 0]
    assert claim_alarms(ends_at) == 1
    incident = Incident.objects.get()
    assert (incident.impact_started_at, incident.detected_at) == (at + MINUTE, ends_at)
    line = TimelineEntry.objects.get(incident=incident, kind="alarm")
    assert line.body == "Alarm db still ALARM: 88 > 80. The silence over it has ended."
    assert outcomes() == ["ignored", "ignored", "ignored", "opened"]
    alarm_transition(alarm=source, to_state="ok", at=ends_at + MINUTE, recorded_at=ends_at + MINUTE)
    claim_alarms(ends_at + MINUTE)
    assert outcomes()[-1] == "recovered"


def test_the_cursor_passes_only_what_is_claimed_and_settled(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = transition(alarm(platform), "alarm", at)
    claim_alarms(at)
    claim_alarms(at)
    assert ClaimCursor.objects.get().transition_id == 0
    monkeypatch.setattr(loops, "SETTLED_AFTER", timedelta(seconds=-60))
    claim_alarms(at)
    assert ClaimCursor.objects.get().transition_id == event.pk
    later = transition(alarm(platform, key="b", signal="b"), "alarm", at)
    assert claim_alarms(at) == 1
    assert AlarmClaim.objects.filter(transition=later).exists()


def test_one_bad_row_stops_neither_claims_nor_clocks_nor_drafts(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "_held_back", {})
    monkeypatch.setattr(loops, "SETTLED_AFTER", timedelta(seconds=-60))

    def poisoned(name: str, is_bad: Callable[..., bool]) -> None:
        well = getattr(loops, name)

        def act(*args: object, **values: object) -> object:
            if is_bad(*args, **values):
                raise ValueError("poison")
            return well(*args, **values)

        monkeypatch.setattr(loops, name, act)

    bad = transition(alarm(platform), "alarm", at)
    good = transition(alarm(platform, key="b", signal="b"), "alarm", at)
    poisoned("claim_transition", lambda transition, **_: transition.pk == bad.pk)
    assert [claim_alarms(at), claim_alarms(at)] == [1, 0]
    assert AlarmClaim.objects.get().transition_id == good.pk
    assert ClaimCursor.objects.get().transition_id == 0

    first = declare(platform, by=SYSTEM, at=at - MINUTE)
    poisoned("fire", lambda clock, _at: clock.incident_id == first.pk)
    assert fire_clocks(at + 20 * MINUTE) == 1

    for incident in Incident.objects.all():
        incident_resolve(by=SYSTEM, at=at + 21 * MINUTE, incident=incident, expected=incident.version)
    poisoned("review_draft", lambda incident, **_: incident.pk == first.pk)
    assert draft_reviews(at + 22 * MINUTE) == 1
    loops._held_back.clear()
    monkeypatch.undo()
    assert [claim_alarms(at), draft_reviews(at + 23 * MINUTE)] == [1, 1]


def test_invariants_and_the_days_check_name_no_restricted_incident(platform: Platform, at: datetime) -> None:
    def check(**params: float) -> Finding:
        return incidents_of_the_day(CheckContext(platform_id=platform.pk, at=at, params=params))

    secret = declare(platform, by=SYSTEM, at=at - MINUTE, label="P0", type="security")
    assert (check().verdict, check().got) == (Verdict.OK, {"open": 0, "count": 0, "incidents": []})
    old = declare(platform, by=SYSTEM, at=at - timedelta(hours=30), label="P3")
    assert (check().verdict, check().got) == (Verdict.WARN, {"open": 1, "count": 0, "incidents": [old.reference]})
    assert check(hours=31).got["count"] == 1
    Incident.objects.filter(pk=secret.pk).update(state="closed", resolved_at=at)
    found = " ".join(loops.broken_invariants())
    assert "closed without a review" in found
    assert "INC-" not in found


def test_clocks_fire_once_and_never_early(platform: Platform, at: datetime, operator: User) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    due = at + 15 * MINUTE
    assert fire_clocks(due - timedelta(microseconds=1)) == 0
    assert fire_clocks(due) == 1
    assert fire_clocks(due) == 0
    clock = IncidentClock.objects.get(incident=incident, kind="acknowledge")
    assert (clock.outcome, clock.fired_at, clock.stopped_at) == ("missed", due, None)
    entry = TimelineEntry.objects.get(incident=incident, kind="clock")
    assert entry.body == "Acknowledge missed: 15 min (portal default, as Bookstore §7.1)"
    assert Notice.objects.filter(user=operator, kind="incident.clock").count() == 1
    assert fire_clocks(at + 31 * MINUTE) == 1


def test_a_clock_that_was_met_does_not_fire(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    incident_acknowledge(by=actor_for(operator), at=at + MINUTE, incident=incident, expected=1)
    assert fire_clocks(at + 16 * MINUTE) == 0


def test_an_escalation_goes_to_those_who_decide(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    clock_policy(platform, "escalate", 20, source_text="Bookstore §7.1")
    declare(platform, by=actor_for(operator), at=at)
    assert fire_clocks(at + 20 * MINUTE) == 1
    told = Notice.objects.filter(kind="incident.clock").values_list("user_id", flat=True)
    assert list(told) == [commander.pk]


def test_a_resolved_incident_gets_its_draft_from_the_record(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    fire_clocks(at + 31 * MINUTE)
    incident_resolve(
        by=by, at=at + 40 * MINUTE, incident=incident, expected=Incident.objects.get().version, resolution="Pool of 50"
    )
    assert draft_reviews(at + 41 * MINUTE) == 1
    assert draft_reviews(at + 42 * MINUTE) == 0
    texts = dict(Review.objects.get().sections.values_list("key", "body"))
    assert "lasted 40\N{NO-BREAK SPACE}min" in texts["impact"]
    assert texts["resolution"] == "Pool of 50"
    assert "Acknowledge after 0" in texts["went-well"]
    assert "Status update 10\N{NO-BREAK SPACE}min late" in texts["went-wrong"]
    assert texts["prevention"] == ""


def test_a_draft_waits_some_minutes_for_the_figures_of_its_end(platform: Platform) -> None:
    ends = floor_to(clock.now(), 300)
    slo_of(platform, at=ends - timedelta(days=1))
    incident = declare(platform, by=SYSTEM, at=ends - 20 * MINUTE)
    incident_resolve(by=SYSTEM, at=ends, incident=incident, expected=incident.version)
    names = ("RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count")
    for name in names:
        write(series_named(name), [5.0] * 20, end=ends - 10 * MINUTE, column="sum")
    assert draft_reviews(ends + 5 * MINUTE) == 0
    for name in names:
        write(series_named(name), [5.0] * 10, end=ends, column="sum")
    assert draft_reviews(ends + 5 * MINUTE) == 1
    impact = Review.objects.get().sections.get(key="impact").body
    assert "Error budget used, as far as it was counted then" in impact


def test_a_draft_does_not_wait_for_ever_and_calls_nothing_unknown_that_comes_later(
    platform: Platform, at: datetime
) -> None:
    slo_of(platform, at=at)
    incident = declare(platform, by=SYSTEM, at=at)
    incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version)
    assert [draft_reviews(at + minutes * MINUTE) for minutes in (2, 15, 16)] == [0, 0, 1]
    assert "Error budget" not in Review.objects.get().sections.get(key="impact").body


def test_a_mild_incident_without_a_review_rule_gets_no_draft(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at, label="P3")
    incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version)
    assert draft_reviews(at + 2 * MINUTE) == 0
