"""From a posted message to an alarm and its incident (M-INC-11): stored, judged once, grouped, silenced, ended."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.loops import claim_alarms
from incidents.models import AlarmClaim, Incident
from monitoring.models import Alarm, Alert, AlertSource, AlertSubject, InboundMessage
from monitoring.selectors.alarms import shown_state
from monitoring.services import inbound
from monitoring.services.alert_sources import source_change, source_rotate, source_test
from monitoring.services.alerts import alerts_apply, group_end
from monitoring.services.inbound import ReplayError, inbound_judge, inbound_purge, message_replay, message_store
from monitoring.services.marks import silence_put
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform, Service, Severity, SeverityAlias
from tests.factories.incidents import transition
from tests.factories.intake import BY, fired, post, source_of, together
from tests.factories.monitoring import rule_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def frozen(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come at `at`."""
    monkeypatch.setattr("monitoring.views.intake.now", lambda: at)


def judge(at: datetime) -> int:
    return inbound_judge(at=at)


def test_an_alert_becomes_an_alarm_and_an_incident(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    assert post(link, together(fired("DiskFull", severity="P1"))).status_code == 200
    assert judge(at) == 1
    alarm = Alarm.objects.get(origin="alert")
    assert (alarm.state, alarm.name, alarm.service, alarm.value) == (
        "alarm", "DiskFull of web", Service.objects.get(key="web"), 1,
    )  # fmt: skip
    assert alarm.severity is not None
    assert alarm.severity.label == "P1"
    claim_alarms(at)
    incident = Incident.objects.get()
    assert (incident.title, incident.severity.label, incident.signal) == ("DiskFull of web", "P1", "diskfull")
    post(link, together(fired("DiskFull", state="resolved", severity="P1")))
    judge(at + MINUTE)
    alarm.refresh_from_db()
    assert (alarm.state, alarm.value) == ("ok", 0)
    claim_alarms(at + MINUTE)
    assert incident.entries.filter(body__contains="is back").exists()


def test_the_same_fault_told_by_a_rule_and_from_outside_is_one_incident(platform: Platform, at: datetime) -> None:
    rule = rule_of(platform, at=at, signal="diskfull")
    own = Alarm.objects.create(
        platform=platform, origin="rule", key=rule.key, name=rule.name, rule=rule, since=at, signal=rule.signal,
        service=rule.service, severity=rule.severity, opens_incident=True,
    )  # fmt: skip
    transition(own, "alarm", at)
    claim_alarms(at + MINUTE)
    _, link = source_of(platform, at=at)
    post(link, together(fired("DiskFull")))
    judge(at + MINUTE)
    claim_alarms(at + MINUTE)
    assert Incident.objects.count() == 1
    assert AlarmClaim.objects.filter(outcome="attached", transition__alarm__origin="alert").count() == 1


def test_a_message_that_comes_twice_counts_once(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    for _ in range(2):
        post(link, together(fired("DiskFull")))
    judge(at)
    first, second = InboundMessage.objects.order_by("pk")
    assert (first.verdict, first.alerts) == ("accepted", 1)
    assert (second.verdict, second.alerts, second.repeats) == ("repeat", 0, 1)
    assert Alert.objects.count() == 1


def test_a_group_fires_until_its_last_subject_is_over(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired("Slow", instance=name) for name in ("a", "b", "c"))))
    judge(at)
    alarm = Alarm.objects.get(origin="alert")
    assert (alarm.value, alarm.subjects.count()) == (3, 3)
    post(link, together(fired("Slow", instance="a", state="resolved"), fired("Slow", instance="b", state="resolved")))
    judge(at + MINUTE)
    alarm.refresh_from_db()
    assert (alarm.state, alarm.value) == ("alarm", 1)
    post(link, together(fired("Slow", instance="c", state="resolved")))
    judge(at + 2 * MINUTE)
    alarm.refresh_from_db()
    assert [event.to_state for event in alarm.transitions.order_by("pk")] == ["alarm", "ok"]


def test_what_fired_and_ended_between_two_passes_leaves_both_events(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(fired("Blip"), fired("Blip", state="resolved")))
    judge(at)
    alarm = Alarm.objects.get(origin="alert")
    assert [event.to_state for event in alarm.transitions.order_by("pk")] == ["alarm", "ok"]


def test_a_late_firing_does_not_wake_what_is_over(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(fired("Slow", state="resolved", starts="2026-03-10T08:58:00Z")))
    judge(at)
    post(link, together(fired("Slow", starts="2026-03-10T08:58:00Z")))
    judge(at + MINUTE)
    assert not Alarm.objects.filter(origin="alert", state="alarm").exists()
    assert list(Alert.objects.order_by("pk").values_list("is_firing", "is_late")) == [(False, False), (True, True)]


def test_a_storm_of_a_thousand_is_kept_whole_and_shown_in_few_groups(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    for number in range(1000):
        assert post(link, together(fired(f"Fault {number}", severity="P2"))).status_code == 200
    assert sum(iter(lambda: judge(at), 0)) == 1000
    assert Alert.objects.count() == 1000
    assert AlertSubject.objects.filter(is_firing=True).count() == 1000
    assert set(InboundMessage.objects.values_list("verdict", flat=True)) == {"accepted"}
    groups = list(Alarm.objects.filter(origin="alert", state="alarm").order_by("pk"))
    assert len(groups) == 6
    assert (groups[-1].signal, groups[-1].value) == ("alert-storm", 995)
    claim_alarms(at)
    assert Incident.objects.count() == 2  # the symptoms of one service, and the storm


def test_after_a_storm_groups_are_told_apart_again(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired(f"Fault {number}") for number in range(8))))
    judge(at)
    later = at + timedelta(minutes=6)
    post(link, together(fired("Another", starts="2026-03-10T09:06:00Z")))
    judge(later)
    assert Alarm.objects.get(name="Another of web").state == "alarm"
    storm = Alarm.objects.get(signal="alert-storm")
    assert storm.value == 3
    post(link, together(*(fired(f"Fault {number}", state="resolved") for number in range(8))))
    judge(later + MINUTE)
    storm.refresh_from_db()
    assert storm.state == "ok"


def test_a_second_storm_has_a_brake_while_the_first_one_fires(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired(f"Fault {number}") for number in range(8))))
    judge(at)
    later = at + timedelta(minutes=6)
    post(link, together(*(fired(f"New {number}", starts="2026-03-10T09:06:00Z") for number in range(8))))
    judge(later)
    assert Alarm.objects.filter(name__startswith="New", state="alarm").count() == 5
    assert Alarm.objects.get(signal="alert-storm").value == 6


def test_a_worse_alert_of_a_group_that_fires_calls_again(platform: Platform, at: datetime) -> None:
    rules = [{"field": "label:level", "contains": "low", "opens_incident": False}]
    _, link = source_of(platform, at=at, mapping={"rules": rules})
    told = []
    for minute, (level, severity) in enumerate([("low", "P3"), ("mid", "P3"), ("high", "P1"), ("other", "P2")]):
        moment = at + minute * MINUTE
        post(link, together(fired("DiskFull", level=level, severity=severity, starts=moment.isoformat())))
        judge(moment)
        claim_alarms(moment)
        told.append(Incident.objects.values_list("severity__label", flat=True).first())
    assert told == [None, "P3", "P1", "P1"]
    alarm = Alarm.objects.get(origin="alert")
    assert (alarm.value, alarm.transitions.count(), Incident.objects.count()) == (4, 3, 1)


def test_a_storm_takes_the_call_of_what_it_swallows(platform: Platform, at: datetime) -> None:
    rules = [{"field": "label:level", "contains": "low", "opens_incident": False}]
    _, link = source_of(platform, at=at, mapping={"rules": rules})
    post(link, together(*(fired(f"Fault {number}", level="low", severity="P3") for number in range(7))))
    judge(at)
    claim_alarms(at)
    assert not Incident.objects.exists()
    post(link, together(fired("Down", severity="P1")))
    judge(at + timedelta(seconds=30))
    claim_alarms(at + timedelta(seconds=30))
    assert Incident.objects.get().severity.label == "P1"
    assert Incident.objects.get().signal == "alert-storm"


def test_a_group_whose_subject_moves_to_a_storm_in_one_batch_is_over(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(*(fired(f"Fault {number}") for number in range(7))))
    judge(at)
    again = fired("Fault 0", starts="2026-03-10T08:59:50Z")
    post(link, together(fired("Fault 0", state="resolved"), again))
    judge(at + timedelta(seconds=20))
    first = Alarm.objects.get(name="Fault 0 of web")
    assert (first.state, first.value) == ("ok", 0)
    assert Alarm.objects.get(signal="alert-storm").value == 3


def test_what_waits_when_its_source_is_paused_moves_nothing(platform: Platform, at: datetime) -> None:
    source, link = source_of(platform, at=at)
    post(link, together(fired("DiskFull")))
    values = {"name": source.name, "enabled": False, "mapping": {}}
    source_change(by=BY, at=at, source=source, expected=1, values=values)
    judge(at)
    assert InboundMessage.objects.get().verdict == "paused"
    assert not Alert.objects.exists()
    with pytest.raises(ReplayError, match="The source is paused"):
        message_replay(by=BY, at=at, message=InboundMessage.objects.get())


def test_a_batch_costs_as_many_statements_for_many_messages_as_for_few(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(fired("Slow", instance="first")))
    judge(at)
    counts = []
    for size in (2, 100):
        for number in range(size):
            post(link, together(fired("Slow", instance=f"{size}-{number}")))
        with CaptureQueriesContext(connection) as captured:
            assert judge(at) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_under_a_silence_it_is_recorded_and_opens_nothing(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    silence_put(
        by=BY, at=at, platform=platform, service=None, starts_at=at - MINUTE, ends_at=at + MINUTE, reason="known"
    )
    post(link, together(fired("DiskFull")))
    judge(at)
    claim_alarms(at)
    assert Alert.objects.get().silenced
    assert not Incident.objects.exists()


def test_words_are_read_by_alias_of_the_source_then_of_its_kind(platform: Platform, at: datetime) -> None:
    source, link = source_of(platform, at=at)
    levels = {level.label: level for level in Severity.objects.filter(scheme__platform=platform, scheme__kind="alert")}
    for sender, label in (("any", "P3"), ("alertmanager", "P2"), (source.name, "P0")):
        SeverityAlias.objects.create(platform=platform, source=sender, word="Critical", severity=levels[label])
        post(link, together(fired(f"Of {label}", severity="critical")))
        judge(at)
        assert Alarm.objects.get(name=f"Of {label} of web").severity == levels[label]


def test_a_rule_of_the_mapping_says_what_an_alert_means(platform: Platform, at: datetime) -> None:
    rules = [
        {"field": "label:team", "contains": "DB", "severity": "P3", "signal": "database", "opens_incident": False},
        {"field": "title", "contains": "disk", "severity": "P0"},
    ]
    _, link = source_of(platform, at=at, mapping={"rules": rules})
    post(link, together(fired("DiskFull", team="db-core", severity="P1")))
    judge(at)
    alarm = Alarm.objects.get(origin="alert")
    assert alarm.severity is not None
    assert (alarm.severity.label, alarm.signal, alarm.opens_incident) == ("P3", "database", False)


def test_a_source_that_is_paused_keeps_its_messages_and_lets_go_of_its_alarms(platform: Platform, at: datetime) -> None:
    source, link = source_of(platform, at=at)
    post(link, together(fired("DiskFull")))
    judge(at)
    source_change(
        by=BY, at=at + MINUTE, source=source, expected=1, values={"name": source.name, "enabled": False, "mapping": {}}
    )
    alarm = Alarm.objects.get(origin="alert")
    assert alarm.state == "unknown"
    assert not Alarm.objects.judged().filter(pk=alarm.pk).exists()
    post(link, together(fired("Other")))
    judge(at + MINUTE)
    kept = InboundMessage.objects.latest("pk")
    assert kept.verdict == "paused"
    source_change(
        by=BY, at=at + MINUTE, source=source, expected=2, values={"name": source.name, "enabled": True, "mapping": {}}
    )
    message_replay(by=BY, at=at + MINUTE, message=kept)
    post(link, together(fired("DiskFull")))
    judge(at + 2 * MINUTE)
    assert Alarm.objects.get(name="Other of web").state == "alarm"
    alarm.refresh_from_db()
    assert alarm.state == "alarm", "what goes on is told again by its repeat"


def test_what_waits_when_its_source_is_paused_moves_no_alarm(platform: Platform, at: datetime) -> None:
    source, link = source_of(platform, at=at)
    post(link, together(fired("DiskFull")))
    source_change(
        by=BY, at=at, source=source, expected=1, values={"name": source.name, "enabled": False, "mapping": {}}
    )
    judge(at + MINUTE)
    kept = InboundMessage.objects.get()
    assert (kept.verdict, kept.alerts) == ("paused", 0)
    assert not Alarm.objects.filter(origin="alert").exists()
    with pytest.raises(ReplayError, match="paused"):
        message_replay(by=BY, at=at + MINUTE, message=kept)
    assert InboundMessage.objects.count() == 1


def test_a_replay_of_what_was_unreadable_is_judged_by_the_new_mapping(platform: Platform, at: datetime) -> None:
    source, link = source_of(platform, at=at, kind="generic")
    post(link, {"what": "Disk is full"})
    judge(at)
    first = InboundMessage.objects.get()
    assert first.verdict == "unreadable"
    assert "no mapping" in first.reason
    values = {"name": source.name, "mapping": {"fields": {"title": "what"}}, "opens_incident": True}
    source_change(by=BY, at=at, source=source, expected=1, values=values)
    for _ in range(2):
        message_replay(by=BY, at=at + MINUTE, message=first)
        judge(at + MINUTE)
    verdicts = list(InboundMessage.objects.order_by("pk").values_list("verdict", flat=True))
    assert verdicts == ["unreadable", "accepted", "repeat"]
    assert Alarm.objects.get(origin="alert").name == "Disk is full"


def test_a_sample_is_understood_and_moves_nothing(platform: Platform, at: datetime) -> None:
    for kind in ("sns", "alertmanager", "grafana", "eventbridge", "statuscake", "pingdom", "mail"):
        source, _ = source_of(platform, at=at, kind=kind)
        source_test(by=BY, at=at, source=source)
    judge(at)
    for message in InboundMessage.objects.all():
        assert message.verdict == "accepted", (message.source.kind, message.reason)
        assert message.reason.startswith("A try: understood as")
    assert not Alert.objects.exists()


def test_a_group_is_ended_by_hand_once(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at, kind="mail")
    post(link, b"Subject: [FIRING] Backup failed\r\nMessage-ID: <1@x>\r\n\r\nCode 1.")
    judge(at)
    alarm = Alarm.objects.get(origin="alert")
    group_end(by=BY, at=at + MINUTE, alarm=alarm, expected=alarm.version, reason="ran again")
    assert (alarm.state, alarm.reason) == ("ok", "Ended by hand: ran again")
    with pytest.raises(VersionConflictError):
        group_end(by=BY, at=at + MINUTE, alarm=alarm, expected=1, reason="")
    again = b"Date: Tue, 10 Mar 2026 09:02:00 +0000\r\nMessage-ID: <2@x>\r\n\r\nCode 1."
    post(link, b"Subject: [FIRING] Backup failed\r\n" + again)
    judge(at + 2 * MINUTE)
    alarm.refresh_from_db()
    assert alarm.state == "alarm"


def test_a_mail_that_says_it_is_over_ends_its_group(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at, kind="mail")
    for word in ("FIRING:1", "RESOLVED"):
        post(link, f"Subject: [{word}] Queue is long\r\nMessage-ID: <{word}@x>\r\n\r\n".encode())
        judge(at)
    assert [event.to_state for event in Alarm.objects.get().transitions.order_by("pk")] == ["alarm", "ok"]


def test_the_link_before_the_new_one_works_for_a_day(platform: Platform, at: datetime) -> None:
    source, old = source_of(platform, at=at)
    key = source_rotate(by=BY, at=at, source=source, expected=1)
    assert post(old, b"{}").status_code == 200
    assert post(f"/in/alertmanager/{key}/", b"{}").status_code == 200
    AlertSource.objects.update(old_key_until=at - timedelta(days=400))
    assert post(old, b"{}").status_code == 404


def test_who_has_no_link_leaves_nothing(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    assert post(link.replace("alertmanager", "grafana"), b"{}").status_code == 404
    assert post(f"/in/alertmanager/{'x' * 43}/", b"{}").status_code == 404
    assert post("/in/alertmanager/short/", b"{}").status_code == 404
    assert post(link, b"x" * 262_145).status_code == 413
    assert not InboundMessage.objects.exists()


def test_any_bytes_are_stored_and_called_unreadable(platform: Platform, at: datetime, bad_body: bytes) -> None:
    _, link = source_of(platform, at=at)
    assert post(link, bad_body).status_code in (200, 413)
    judge(at)
    assert set(InboundMessage.objects.values_list("verdict", flat=True)) <= {"unreadable"}


def test_storing_is_one_statement_and_wakes_once(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    for number in range(2):
        with CaptureQueriesContext(connection) as captured:
            post(link, together(fired(f"Fault {number}")))
        assert len(captured) == 1


def test_a_message_at_which_the_portal_fails_holds_up_no_other(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, link = source_of(platform, at=at)
    for name in ("Good", "Bad", "Better"):
        post(link, together(fired(name)))
    whole = alerts_apply

    def failing(incoming: Any, *, at: datetime) -> Any:
        rows = list(incoming)
        if any(alert.signal == "Bad" for row in rows for alert in row.alerts):
            raise ArithmeticError("a bug")
        return whole(rows, at=at)

    monkeypatch.setattr(inbound, "alerts_apply", failing)
    judge(at)
    assert list(InboundMessage.objects.order_by("pk").values_list("verdict", flat=True)) == [
        "accepted", "failed", "accepted",
    ]  # fmt: skip


def test_old_messages_go_and_waiting_ones_stay(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, link = source_of(platform, at=at)
    for _ in range(5):
        post(link, b"{}")
    judge(at)
    post(link, b"{}")
    monkeypatch.setattr(inbound, "MOST_KEPT", 3)
    assert inbound_purge(at=at) == 3
    assert inbound_purge(at=at + timedelta(days=15)) == 2
    assert InboundMessage.objects.get().verdict == "waiting"
    assert message_store(kind=source.kind, key=b"", headers={}, body=b"", at=at) is None


def test_what_is_not_repeated_for_a_day_is_stale_not_firing(platform: Platform, at: datetime) -> None:
    _, link = source_of(platform, at=at)
    post(link, together(fired("DiskFull")))
    judge(at)
    alarm = Alarm.objects.get()
    assert shown_state(alarm, at + timedelta(hours=1)) == "alarm"
    assert shown_state(alarm, at + timedelta(hours=25)) == "stale"
    post(link, together(fired("DiskFull")))
    judge(at + timedelta(hours=20))
    alarm.refresh_from_db()
    assert shown_state(alarm, at + timedelta(hours=25)) == "alarm"
