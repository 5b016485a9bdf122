"""One service's symptoms are one incident, whatever the order; too many changes page once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connections

from incidents.loops import claim_alarms
from incidents.models import AlarmClaim, Incident, TimelineEntry
from incidents.services import claim_transition, incident_resolve
from monitoring.models import Alarm, AlarmOrigin, AlarmTransition
from monitoring.services.alarms import alarm_transition
from opsportal.accounts.models import User
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform, Service
from tests.factories.incidents import SYSTEM, alarm, severity, transition
from tests.factories.monitoring import rule_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def outcomes() -> list[str]:
    return list(AlarmClaim.objects.order_by("transition_id").values_list("outcome", flat=True))


def claim_all(at: datetime) -> None:
    while claim_alarms(at):
        continue


def test_a_second_symptom_of_a_service_attaches(platform: Platform, at: datetime, operator: User) -> None:
    transition(alarm(platform), "alarm", at)
    transition(alarm(platform, key="latency", signal="latency"), "alarm", at + MINUTE)
    claim_all(at + 2 * MINUTE)
    assert outcomes() == ["opened", "attached"]
    incident = Incident.objects.get()
    assert incident.signal == "db-connections"
    lines = TimelineEntry.objects.filter(incident=incident, kind="alarm").values_list("body", flat=True)
    assert [line.split(" ok")[0] for line in lines.order_by("number")] == ["Alarm db", "Alarm latency"]
    assert Notice.objects.filter(kind="incident.opened", user=operator).count() == 1


def test_a_worse_symptom_makes_the_incident_as_bad_as_itself(platform: Platform, at: datetime, operator: User) -> None:
    mild = alarm(platform, key="cpu", signal="cpu", severity=severity(platform, "P2", "alert"))
    transition(mild, "alarm", at)
    claim_all(at)
    incident = Incident.objects.get()
    assert incident.severity.label == "P2"
    transition(
        alarm(platform, key="down", signal="down", severity=severity(platform, "P0", "alert")), "alarm", at + MINUTE
    )
    claim_all(at + MINUTE)
    incident.refresh_from_db()
    assert (Incident.objects.count(), incident.severity.label) == (1, "P0")
    assert TimelineEntry.objects.get(incident=incident, kind="severity").body == "P2 → P0: Alarm down fires too"
    assert Notice.objects.filter(kind="incident.severity", user=operator).count() == 1


def test_a_symptom_without_a_level_raises_nothing(platform: Platform, at: datetime) -> None:
    transition(alarm(platform, key="cpu", signal="cpu", severity=severity(platform, "P3", "alert")), "alarm", at)
    claim_all(at)
    untold = alarm(platform, key="lag", signal="lag")
    Alarm.objects.filter(pk=untold.pk).update(severity=None)
    untold.refresh_from_db()
    transition(untold, "alarm", at + MINUTE)
    claim_all(at + MINUTE)
    assert outcomes() == ["opened", "attached"]
    assert Incident.objects.get().severity.label == "P3"


def test_another_service_and_an_alarm_that_stands_alone_open_their_own(platform: Platform, at: datetime) -> None:
    transition(alarm(platform), "alarm", at)
    jobs = Service.objects.create(platform=platform, environment=platform.environments.get(), key="jobs", name="Jobs")
    transition(alarm(platform, key="jobs", signal="jobs", service=jobs), "alarm", at)
    rule = rule_of(platform, at=at, key="alone", signal="disk", grouped=False)
    alone = Alarm.objects.create(platform=platform, origin=AlarmOrigin.RULE, key="alone", name="Disk", rule=rule,
                                 signal="disk", service=rule.service, severity=rule.severity, opens_incident=True,
                                 since=at)  # fmt: skip
    transition(alone, "alarm", at)
    claim_all(at)
    assert outcomes() == ["opened", "opened", "opened"]


def test_what_was_quiet_for_an_hour_is_another_fault(platform: Platform, at: datetime) -> None:
    first = alarm(platform)
    alarm_transition(alarm=first, to_state="alarm", at=at, recorded_at=at)
    claim_all(at)
    alarm_transition(alarm=first, to_state="ok", at=at + 5 * MINUTE, recorded_at=at + 5 * MINUTE)
    later = at + 90 * MINUTE
    other = alarm(platform, key="latency", signal="latency")
    alarm_transition(alarm=other, to_state="alarm", at=later, recorded_at=later)
    claim_all(later)
    assert outcomes() == ["opened", "recovered", "opened"]
    still = alarm(platform, key="cpu", signal="cpu")
    much_later = later + 5 * 60 * MINUTE
    alarm_transition(alarm=still, to_state="alarm", at=much_later, recorded_at=much_later)
    claim_all(much_later)
    assert outcomes()[-1] == "attached"  # latency fires on


@pytest.mark.parametrize("order", list(permutations(["rule", "mirror"])))
def test_one_fault_from_two_sources_is_one_incident_in_either_order(
    platform: Platform, at: datetime, order: tuple[str, ...]
) -> None:
    alarms = {"rule": alarm(platform), "mirror": alarm(platform, key="arn", opens_incident=False)}
    for offset, name in enumerate(order):
        transition(alarms[name], "alarm", at + offset * MINUTE)
        claim_all(at + offset * MINUTE)
    assert Incident.objects.count() == 1
    assert outcomes() == (["opened", "attached"] if order[0] == "rule" else ["ignored", "opened"])


def test_a_warning_is_noted_on_the_incident_and_opens_none(platform: Platform, at: datetime) -> None:
    source = alarm(platform)
    alarm_transition(alarm=source, to_state="warning", at=at, recorded_at=at)
    claim_all(at)
    assert not Incident.objects.exists()
    for offset, state in enumerate(("alarm", "warning", "ok"), start=1):
        alarm_transition(alarm=source, to_state=state, at=at + offset * MINUTE, recorded_at=at + offset * MINUTE)
        claim_all(at + offset * MINUTE)
    assert outcomes() == ["ignored", "opened", "attached", "recovered"]
    bodies = TimelineEntry.objects.filter(kind="alarm").order_by("number").values_list("body", flat=True)
    assert list(bodies) == ["Alarm db warning → ALARM", "Alarm db alarm → warning"]


def test_a_flapping_alarm_pages_once(platform: Platform, at: datetime) -> None:
    source = alarm(platform)
    for offset in range(12):
        now = at + offset * MINUTE
        alarm_transition(alarm=source, to_state="ok" if offset % 2 else "alarm", at=now, recorded_at=now)
        claim_all(now)
        incident = Incident.objects.first()
        assert incident is not None
        if offset == 8:
            assert AlarmTransition.objects.latest("at").flapping
            incident_resolve(by=SYSTEM, at=now, incident=incident, expected=incident.version)
    assert Incident.objects.count() == 1
    assert TimelineEntry.objects.filter(kind="alarm", body__contains="Flapping").exists()


@pytest.mark.django_db(transaction=True)
def test_symptoms_claimed_at_the_same_moment_open_one_incident(platform: Platform, at: datetime) -> None:
    rows = [transition(alarm(platform, key=f"s{n}", signal=f"s{n}"), "alarm", at) for n in range(6)]

    def claim(row: AlarmTransition) -> Any:
        try:
            return claim_transition(transition=AlarmTransition.objects.select_related("alarm").get(pk=row.pk), at=at)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(claim, rows))
    assert Incident.objects.count() == 1
    assert sorted(outcomes()) == ["attached"] * 5 + ["opened"]
