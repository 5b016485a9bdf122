"""Rules as they are judged live: levels, baselines, flapping; and what they would have done before they are saved."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from monitoring import evaluation
from monitoring.lint import lint_rules
from monitoring.models import Alarm, AlarmRule, AlarmTransition, AwsAccount, Series
from monitoring.preview import rule_preview
from monitoring.selectors.rules import rules_in_force
from monitoring.services.alarms import alarm_transition
from monitoring.services.rules import FIELDS, RuleError, alarm_rule_save, alarm_rule_switch
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor, system_actor
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, metric_of, rule_of, series_named, term, write

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
pytestmark = pytest.mark.django_db


def judge(at: datetime) -> int:
    return evaluation.evaluate_account(account=AwsAccount.objects.get(), region=REGION, at=at)


def events() -> list[tuple[str, str]]:
    return list(AlarmTransition.objects.order_by("at", "pk").values_list("from_state", "to_state"))


def begun(at: datetime) -> None:
    """The rules are judged from here on, the first figure being calm."""
    write(series(), [40.0], end=at)
    judge(at)


def series() -> Series:
    return series_named("DatabaseConnections")


def values_of(rule: AlarmRule, **changes: Any) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in FIELDS} | {"note": "known load"} | changes


def test_a_warning_is_an_event_of_its_own_and_both_sides_count(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, warn_threshold=60.0, opposite_warn=5.0)
    begun(at)
    write(series(), [70.0, 90.0, 70.0, 40.0, 2.0], end=at + 5 * MINUTE)
    judge(at + 5 * MINUTE)
    assert events() == [
        ("unknown", "ok"), ("ok", "warning"), ("warning", "alarm"), ("alarm", "warning"), ("warning", "ok"),
        ("ok", "warning"),
    ]  # fmt: skip
    alarm = Alarm.objects.get()
    assert (alarm.state, alarm.value) == ("warning", 2.0)
    assert "warning < 5" in alarm.reason


def test_an_alarm_is_held_until_it_was_back_for_so_many_periods(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, clear_periods=3)
    begun(at)
    write(series(), [90.0, 40.0, 40.0, 90.0, 40.0, 40.0, 40.0], end=at + 7 * MINUTE)
    judge(at + 7 * MINUTE)
    assert events() == [("unknown", "ok"), ("ok", "alarm"), ("alarm", "ok")]
    assert AlarmTransition.objects.latest("at").at == at + 7 * MINUTE


def month(figure: Callable[[int], float | None], *, at: datetime, days: int = 30) -> None:
    """Hours of the metric before `at`, by the number of the hour, as 5-minute points roll up to."""
    with connection.cursor() as cursor:
        rows = [
            (series().pk, at - timedelta(hours=hour), value)
            for hour in range(1, 24 * days + 1)
            if (value := figure(hour)) is not None
        ]
        cursor.execute("SELECT monitoring_ensure_partitions(%s, %s)", [at - timedelta(days=days + 1), at])
        cursor.executemany(
            "INSERT INTO monitoring_point_1h (series_id, ts, n, sum, min, max, rev) VALUES (%s, %s, 1, %s, 0, 0, 0)",
            rows,
        )


def test_a_baseline_judges_by_the_same_hour_of_28_days(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, stat="Average", measure="percent", threshold=50.0, opposite_threshold=-50.0)
    # Calm nights of about 10, days of about 100: at 09:00 a figure of 30 is a fall, whatever a fixed limit says.
    month(lambda hour: 100.0 + hour % 7 if (at - timedelta(hours=hour)).hour in range(8, 20) else 10.0, at=at)
    judge(at)
    for offset, value in ((1, 101.0), (2, 30.0), (3, 98.0), (4, 190.0)):
        write(series(), [1.0], end=at + offset * MINUTE, column="n")
        write(series(), [value], end=at + offset * MINUTE, column="sum")
    judge(at + 4 * MINUTE)
    assert [to for _, to in events()] == ["ok", "alarm", "ok", "alarm"]
    fallen = AlarmTransition.objects.order_by("at")[1]
    assert fallen.value == 30.0
    assert "usual at this hour 103 (28 days)" in fallen.reason


def test_a_young_baseline_is_unknown_and_is_not_saved(platform: Platform, at: datetime) -> None:
    rule = rule_of(platform, at=at, stat="Average", measure="z", threshold=4.0, missing="not_breaching")
    month(lambda _: 100.0, at=at, days=9)
    write(series(), [1.0], end=at + MINUTE, column="n")
    write(series(), [500.0], end=at + MINUTE, column="sum")
    judge(at + MINUTE)
    alarm = Alarm.objects.get()
    assert (alarm.state, alarm.reason) == ("unknown", "The baseline of this hour has 9 of 14 days.")
    with pytest.raises(RuleError, match="9 of 14 days"):
        alarm_rule_save(by=BY, at=at, platform=platform, expected=rule.version, values=values_of(rule, threshold=5.0),
                        rule=rule)  # fmt: skip
    assert rule_preview(rule, at=at + MINUTE).refusal


def test_too_many_changes_are_flapping_and_end_by_themselves(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, flap_changes=4, flap_minutes=30)
    begun(at)
    write(series(), [90.0, 40.0] * 4, end=at + 8 * MINUTE)
    judge(at + 8 * MINUTE)
    flags = list(AlarmTransition.objects.order_by("at").values_list("flapping", flat=True))
    assert flags == [False] * 4 + [True] * 5
    alarm = Alarm.objects.get()
    assert alarm.flapping_since == at + 4 * MINUTE
    assert AlarmTransition.objects.latest("at").reason.endswith("Flapping: 9\N{NO-BREAK SPACE}changes in 30 min.")
    assert alarm.is_flapping(at + 37 * MINUTE)
    assert not alarm.is_flapping(at + 38 * MINUTE)
    calm = alarm_transition(alarm=alarm, to_state="alarm", at=at + 60 * MINUTE, recorded_at=at + 60 * MINUTE)
    assert calm is not None
    assert not calm.flapping


def test_nothing_flaps_where_it_is_switched_off(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at, flap_changes=0)
    begun(at)
    write(series(), [90.0, 40.0] * 6, end=at + 12 * MINUTE)
    judge(at + 12 * MINUTE)
    assert AlarmTransition.objects.count() == 13
    assert not AlarmTransition.objects.filter(flapping=True).exists()


def test_a_preview_says_what_the_live_judge_said(platform: Platform, at: datetime) -> None:
    rule = rule_of(platform, at=at, warn_threshold=60.0, datapoints=2, window=3, clear_threshold=75.0)
    begun(at)
    shape = [40.0, 90.0, 85.0, None, 78.0, 40.0, 65.0, 66.0, 64.0, 40.0, 90.0, 91.0, None, 92.0, 20.0]
    for block in range(4):
        write(series(), shape, end=at + (block + 1) * 15 * MINUTE)
        judge(at + (block + 1) * 15 * MINUTE)
    until = at + 60 * MINUTE
    preview = rule_preview(rule, at=until)
    live = [
        (event.to_state, event.at)
        for event in AlarmTransition.objects.order_by("at", "pk")
        if event.to_state in ("alarm", "warning")
    ]
    assert [(one.state, one.starts_at) for one in preview.stretches if one.state != "unknown"] == live
    assert preview.fired == sum(state == "alarm" for state, _ in live) > 4
    assert max(one.worst or 0 for one in preview.of("alarm")) == 92.0
    assert preview.coarse_until is not None


def test_a_month_is_judged_whole_and_drawn_thin(platform: Platform, at: datetime) -> None:
    rule = rule_of(platform, at=at, stat="Average", period=300, datapoints=2, window=3, warn_threshold=60.0)
    figures = [(n * 37 % 101) * 1.0 for n in range(30 * 288)]
    write(series(), [1.0] * len(figures), end=at, period=300, column="n")
    write(series(), figures, end=at, period=300, column="sum")
    preview = rule_preview(rule, at=at)
    assert preview.known == 1.0
    assert len(preview.points) == len(figures)
    assert len(preview.thinned(500)) <= 1_000


def test_a_preview_asks_the_same_few_questions_for_any_rule(
    platform: Platform, at: datetime, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    rule = rule_of(
        platform, at=at, stat="Sum", threshold=5.0, measure="value",
        indicator={"bad": [term("HTTPCode_Target_5XX_Count")], "total": [term("RequestCount")]},
    )  # fmt: skip
    write(series_named("RequestCount"), [100.0] * 20, end=at, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [0.0] * 10 + [9.0] * 10, end=at, column="sum")
    with django_assert_max_num_queries(4):
        preview = rule_preview(rule, at=at)
    assert (preview.fired, preview.stretches[-1].worst) == (1, 9.0)
    assert preview.stretches[-1].starts_at == at - 9 * MINUTE


def test_what_is_not_stored_is_said(platform: Platform, at: datetime) -> None:
    rule = rule_of(platform, at=at)
    assert rule_preview(rule, at=at).refusal == "No figure is stored of the last 30 days."
    Series.objects.update(stats=["Sum"])
    assert "Nothing is stored of this metric yet" in rule_preview(rule, at=at).refusal


def test_a_rule_is_made_changed_and_switched_with_version_and_trail(
    platform: Platform, at: datetime, admin: Any, actor_for: Callable[..., Actor]
) -> None:
    by, like = actor_for(admin), rule_of(platform, at=at)
    made = alarm_rule_save(by=by, at=at, platform=platform, expected=0, values=values_of(like, name="Too many"))
    assert (made.key, made.version, made.source) == ("too-many", 1, "edited")
    assert made.terms.count() == 1
    again = alarm_rule_save(by=by, at=at, platform=platform, expected=0, values=values_of(like, name="Too many"))
    assert again.key == "too-many-2"
    changed = alarm_rule_save(by=by, at=at, platform=platform, expected=1, values=values_of(made, threshold=95.0),
                              rule=made)  # fmt: skip
    assert (changed.version, changed.threshold) == (2, 95.0)
    same = alarm_rule_save(by=by, at=at, platform=platform, expected=2, values=values_of(changed), rule=changed)
    assert same.version == 2
    with pytest.raises(VersionConflictError):
        alarm_rule_save(by=by, at=at, platform=platform, expected=1, values=values_of(made, threshold=96.0), rule=made)
    off = alarm_rule_switch(by=by, at=at, rule=changed, expected=2, is_on=False, note="replaced")
    assert (off.enabled, off.version) == (False, 3)
    entry = AuditEntry.objects.filter(verb="monitoring.alarm_rule.changed").order_by("pk").last()
    assert entry is not None
    assert (entry.data["before"], entry.data["after"]) == ({"enabled": True}, {"enabled": False})


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"note": " "}, "Say why"), ({"warn_threshold": 99.0}, "outwards"), ({"datapoints": 4}, "never be judged"),
        ({"indicator": {"value": {}}}, "unknown statistic|needed"), ({"period": 90}, "60, 300 or 3600"),
        ({"threshold": float("inf")}, "finite"), ({"window": 200, "datapoints": 1}, "At most 100"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_stand_is_refused(
    platform: Platform, at: datetime, changes: dict[str, Any], words: str
) -> None:
    rule = rule_of(platform, at=at)
    with pytest.raises(RuleError, match=words):
        alarm_rule_save(by=BY, at=at, platform=platform, expected=rule.version, values=values_of(rule, **changes),
                        rule=rule)  # fmt: skip
    rule.refresh_from_db()
    assert rule.version == 1


def test_the_lint_knows_the_traps(platform: Platform, at: datetime) -> None:
    def value(metric: str, namespace: str, **dimensions: str) -> dict[str, Any]:
        return {"value": term(metric, namespace=namespace, dimensions=dimensions)}

    rule_of(platform, at=at, key="ecs", indicator=value("CPUUtilization", "AWS/ECS", ServiceName="web"))
    rule_of(platform, at=at, key="alb", indicator=value("RequestCount", "AWS/ApplicationELB", LoadBalancer="shop-alb"))
    rule_of(platform, at=at, key="wild", indicator=value("ResponseTime", "Shop", Endpoint="*"))
    rule_of(platform, at=at, key="share", name="Connections above 80 %")
    rule_of(
        platform, at=at, key="sum", stat="Sum", indicator=value("CPUUtilization", "AWS/RDS", DBInstanceIdentifier="a")
    )
    rule_of(platform, at=at, key="bare", severity=None, warn_threshold=70.0, threshold=81.0)
    rule_of(platform, at=at, key="twin", threshold=81.0)
    write(series(), [8.0] * 60, end=at)
    found = lint_rules(rules_in_force(system_actor("tests")), at=at)
    by_key = {
        key: {one.code for one in found if one.rule.key == key}
        for key in ("ecs", "alb", "wild", "share", "sum", "bare", "twin")
    }
    assert {"dimensions", "never-data", "no-runbook"} <= by_key["ecs"]
    assert "dimensions" in by_key["alb"]
    assert "dimensions" in by_key["wild"]
    assert {"count-not-share", "missing-data", "out-of-reach"} <= by_key["share"]
    assert "gauge-summed" in by_key["sum"]
    assert {"no-severity", "no-way-back", "duplicate"} <= by_key["bare"]
    assert "duplicate" in by_key["twin"]
    assert [one.level for one in found] == sorted((one.level for one in found), key=["error", "warning", "hint"].index)


def test_the_lint_knows_what_never_and_what_always_fires(platform: Platform, at: datetime) -> None:
    rule_of(platform, at=at)
    judge(at)
    alarm, start = Alarm.objects.get(), at - 40 * DAY
    alarm_transition(alarm=alarm, to_state="ok", at=start, recorded_at=start)
    assert "never-fired" in {one.code for one in lint_rules(rules_in_force(system_actor("tests")), at=at)}
    alarm_transition(alarm=alarm, to_state="alarm", at=at - 29 * DAY, recorded_at=at)
    assert "always-firing" in {one.code for one in lint_rules(rules_in_force(system_actor("tests")), at=at)}
    young = metric_of(platform, at=at)
    assert young.platform_id == platform.pk
