from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from monitoring import evaluation
from monitoring.models import Alarm, AlarmRule, AlarmTransition, AwsAccount, Series
from monitoring.services.alarms import alarm_transition
from monitoring.services.marks import silence_end, silence_put
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, rule_of, series_named, service_of, term, write

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(platform: Platform, at: datetime) -> AlarmRule:
    return rule_of(platform, at=at)


def judge(at: datetime) -> int:
    return evaluation.evaluate_account(account=AwsAccount.objects.get(), region=REGION, at=at)


def feed(values: list[float | None], at: datetime) -> int:
    write(series_named("DatabaseConnections"), values, end=at)
    return judge(at)


def events() -> list[tuple[str, str]]:
    return list(AlarmTransition.objects.order_by("at", "pk").values_list("from_state", "to_state"))


def test_a_breach_leaves_one_event_that_incidents_can_claim(rule: AlarmRule, at: datetime) -> None:
    feed([40.0], at)
    assert feed([96.0], at + MINUTE) == 1
    assert judge(at + MINUTE) == 0
    event = AlarmTransition.objects.get(to_state="alarm")
    assert event.platform_id == rule.platform_id
    assert event.service_id == rule.service_id
    assert event.severity_id == rule.severity_id
    assert (event.signal, event.opens_incident, event.silenced) == ("db-connections", True, False)
    assert (event.value, event.at, event.recorded_at) == (96.0, at + MINUTE, at + MINUTE)
    assert event.data["threshold"] == 80.0


def test_the_way_back_is_an_event_too(rule: AlarmRule, at: datetime) -> None:
    feed([40.0, 96.0], at)
    feed([41.0], at + MINUTE)
    assert events() == [("unknown", "alarm"), ("alarm", "ok")]


def test_an_alarm_that_came_and_went_while_nobody_looked_is_found(rule: AlarmRule, at: datetime) -> None:
    feed([40.0], at)
    feed([41.0, 96.0, 95.0, 40.0, 41.0], at + 5 * MINUTE)
    assert events() == [("unknown", "ok"), ("ok", "alarm"), ("alarm", "ok")]
    assert list(AlarmTransition.objects.order_by("at").values_list("at", flat=True))[1] == at + 2 * MINUTE


def test_a_breach_stored_before_the_first_judgement_is_judged(rule: AlarmRule, at: datetime) -> None:
    feed([None], at)
    write(series_named("DatabaseConnections"), [96.0], end=at + MINUTE)  # and killed before it judged
    assert feed([None, None], at + 3 * MINUTE) == 1
    assert events() == [("unknown", "alarm")]
    assert AlarmTransition.objects.get().at == at + MINUTE


def test_a_late_datapoint_is_waited_for(rule: AlarmRule, at: datetime) -> None:
    feed([40.0], at)
    series = series_named("DatabaseConnections")
    write(series, [None], end=at + MINUTE)
    assert judge(at + MINUTE) == 0
    write(series, [96.0], end=at + MINUTE)
    assert judge(at + 2 * MINUTE) == 1


def test_silence_beyond_the_grace_is_unknown_and_never_ok(rule: AlarmRule, at: datetime) -> None:
    feed([40.0], at)
    write(series_named("DatabaseConnections"), [None] * 10, end=at + 10 * MINUTE)
    assert judge(at + 10 * MINUTE) == 1
    assert Alarm.objects.get().state == "unknown"


def test_what_was_not_asked_about_is_not_judged(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, missing="not_breaching")
    feed([96.0], at)
    assert judge(at + 10 * MINUTE) == 0
    assert Alarm.objects.get().state == "alarm"
    assert Alarm.objects.get().evaluated_until == at


def test_a_rule_switched_off_leaves_no_alarm_firing(rule: AlarmRule, platform: Platform, at: datetime) -> None:
    feed([96.0], at)
    assert Alarm.objects.judged().get().state == "alarm"
    rule_of(platform, at=at + MINUTE, enabled=False)
    assert Alarm.objects.get().state == "unknown"
    assert not Alarm.objects.judged().exists()
    assert events()[-1] == ("alarm", "unknown")


def test_a_share_is_judged_in_per_cent_and_no_traffic_says_nothing(platform: Platform, at: datetime) -> None:
    rule_of(
        platform, at=at, key="errors", signal="errors", stat="Sum", threshold=5.0, missing="ignore",
        indicator={"bad": [term("HTTPCode_Target_5XX_Count")], "total": [term("RequestCount")]},
    )  # fmt: skip
    requests, errors = series_named("RequestCount"), series_named("HTTPCode_Target_5XX_Count")
    write(requests, [100.0], end=at, column="sum")
    write(errors, [6.0], end=at, column="sum")
    judge(at)
    assert Alarm.objects.get(key="errors").state == "alarm"
    write(requests, [None] * 9, end=at + 9 * MINUTE, column="sum")
    write(errors, [None] * 9, end=at + 9 * MINUTE, column="sum")
    judge(at + 9 * MINUTE)
    assert Alarm.objects.get(key="errors").state == "alarm"


def test_two_of_two_times_five_minutes(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, stat="Average", period=300, datapoints=2, window=2)
    series = series_named("DatabaseConnections")
    for offset, value in ((0, 90.0), (5, 70.0), (10, 90.0), (15, 90.0)):
        end = at + offset * MINUTE
        write(series, [1.0], end=end, period=300, column="n")
        write(series, [value], end=end, period=300, column="sum")
        judge(end)
    assert events() == [("unknown", "ok"), ("ok", "alarm")]


def test_a_silenced_alarm_changes_its_state_and_says_so(rule: AlarmRule, platform: Platform, at: datetime) -> None:
    silence = silence_put(
        by=BY, at=at, platform=platform, service=service_of(platform), starts_at=at, ends_at=at + 5 * MINUTE,
        reason="Window", ref="MNT-1",
    )  # fmt: skip
    feed([96.0], at)
    assert AlarmTransition.objects.get().silenced
    silence_end(by=BY, at=at + MINUTE, silence=silence, expected=silence.version)
    feed([40.0], at + MINUTE)
    feed([96.0], at + 2 * MINUTE)
    assert list(AlarmTransition.objects.order_by("at").values_list("silenced", flat=True)) == [True, False, False]


def test_a_silence_of_another_service_does_not_hold(rule: AlarmRule, other_platform: Platform, at: datetime) -> None:
    silence_put(
        by=BY, at=at, platform=other_platform, service=None, starts_at=at - MINUTE, ends_at=at + 5 * MINUTE, reason="x"
    )
    feed([96.0], at)
    assert not AlarmTransition.objects.get().silenced


def test_a_changed_rule_carries_over_to_its_alarm(rule: AlarmRule, platform: Platform, at: datetime) -> None:
    feed([85.0], at)
    rule_of(platform, at=at, threshold=90.0, name="Connections, new limit")
    feed([85.0], at + MINUTE)
    alarm = Alarm.objects.get()
    assert (alarm.name, alarm.state) == ("Connections, new limit", "ok")


@pytest.mark.django_db(transaction=True)
def test_two_copies_of_a_pass_leave_one_event(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [40.0, 96.0], end=at)
    account = AwsAccount.objects.get()

    def copy(_: int) -> Any:
        try:
            return evaluation.evaluate_account(account=account, region=REGION, at=at)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(copy, range(8)))
    assert AlarmTransition.objects.count() == 1


def test_the_same_state_again_is_no_event(rule: AlarmRule, at: datetime) -> None:
    feed([96.0], at)
    alarm = Alarm.objects.get()
    assert alarm_transition(alarm=alarm, to_state="alarm", at=at + MINUTE, recorded_at=at) is None
    assert alarm_transition(alarm=alarm, to_state="ok", at=at + MINUTE, recorded_at=at) is not None


def test_events_cannot_be_changed(rule: AlarmRule, at: datetime) -> None:
    feed([96.0], at)
    with pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_alarmtransition SET reason = 'no'")


def test_a_pass_costs_the_same_for_one_rule_and_for_ten(
    platform: Platform, at: datetime, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for n in range(10):
        rule_of(platform, at=at, key=f"rule-{n}")
    write(series_named("DatabaseConnections"), [40.0], end=at)
    judge(at)
    write(series_named("DatabaseConnections"), [40.0], end=at + MINUTE)
    with django_assert_max_num_queries(4 + 10):
        judge(at + MINUTE)
    assert Series.objects.count() == 1
