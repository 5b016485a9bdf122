"""What people decide about objectives: versions, exclusions, the policy; and what burns as an alarm."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from incidents.loops import claim_alarms
from incidents.models import Incident
from monitoring.models import Alarm, AlarmOrigin, AlarmState, BudgetPolicy, Point5m, Slo, SloBucket, SloExclusion
from monitoring.selectors.slo_report import slo_rows
from monitoring.services.burns import budget_steps_tell, burn_alarms_judge
from monitoring.services.exclusions import exclusion_approve, exclusion_put
from monitoring.slo.periods import rolling
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.core.gate import DeniedError
from opsportal.core.models import VersionConflictError
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.monitoring import BY, rule_of, series_named, slo_of, term, write

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.django_db


def traffic(at: datetime, bad: list[float | None], total: float = 100.0) -> None:
    write(series_named("RequestCount"), [total] * len(bad), end=at, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), bad, end=at, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None] * len(bad), end=at, period=300, column="sum")


@pytest.fixture
def slo(platform: Platform, at: datetime) -> Slo:
    return slo_of(platform, at=at)


def burning(platform: Platform, urgency: str = "page") -> Alarm | None:
    found = Alarm.objects.filter(platform=platform, origin=AlarmOrigin.PORTAL, key__startswith="burn:")
    return found.filter(key__endswith=urgency).first()


def test_a_budget_that_burns_is_an_alarm_and_recovers_with_the_short_window(
    slo: Slo, platform: Platform, at: datetime
) -> None:
    traffic(at, [None] * 6 + [20.0] * 6)
    assert burn_alarms_judge(at=at) == 2
    alarm = burning(platform)
    assert alarm is not None
    assert (alarm.state, alarm.opens_incident) == (AlarmState.ALARM, True)
    event = alarm.transitions.get()
    assert event.value == pytest.approx(100.0)
    assert event.data["burns"][0]["factor"] == pytest.approx(14.4)
    assert burn_alarms_judge(at=at) == 0
    later = at + 2 * HOUR
    traffic(later, [None] * 24)
    burn_alarms_judge(at=later)
    alarm.refresh_from_db()
    assert alarm.state == AlarmState.OK


def test_the_newest_slices_that_aws_has_not_told_yet_neither_calm_nor_alarm(
    slo: Slo, platform: Platform, at: datetime
) -> None:
    traffic(at, [20.0] * 12)
    burn_alarms_judge(at=at + timedelta(minutes=12))
    alarm = burning(platform)
    assert alarm is not None
    assert alarm.evaluated_until == at
    burn_alarms_judge(at=at + 3 * HOUR)
    alarm.refresh_from_db()
    assert alarm.state == AlarmState.UNKNOWN


def test_few_events_are_no_fire(slo: Slo, platform: Platform, at: datetime) -> None:
    traffic(at, [1.0] * 12, total=2.0)
    burn_alarms_judge(at=at)
    assert burning(platform) is None


def test_a_rule_and_the_budget_over_one_metric_make_one_incident(slo: Slo, platform: Platform, at: datetime) -> None:
    rule = rule_of(
        platform, at=at, key="errors", signal="error-rate", stat="Sum", period=300,
        indicator={"bad": [term("HTTPCode_Target_5XX_Count")], "total": [term("RequestCount")]}, threshold=5.0,
    )  # fmt: skip
    traffic(at, [20.0] * 12)
    burn_alarms_judge(at=at)
    alarm = burning(platform)
    assert alarm is not None
    assert (alarm.signal, alarm.severity_id) == (rule.signal, rule.severity_id)
    claim_alarms(at)
    assert Incident.objects.get(platform=platform).signal == "error-rate"


def test_an_exclusion_by_hand_waits_for_another_person(
    slo: Slo, platform: Platform, at: datetime, admin: User, commander: User, actor_for: ActorFor
) -> None:
    traffic(at, [40.0] + [None] * 11)
    asker = actor_for(admin)
    row = exclusion_put(by=asker, at=at, platform=platform, service=None, slo=slo, starts_at=at - HOUR,
                        ends_at=at - timedelta(minutes=55), reason="Load test")  # fmt: skip
    before = slo_rows([slo], rolling(at))[0]
    assert before.adjusted == before.raw == pytest.approx(1 - 40 / 1200)
    with pytest.raises(DeniedError):
        exclusion_approve(by=asker, at=at, exclusion=row, expected=row.version)
    exclusion_approve(by=actor_for(commander), at=at, exclusion=row, expected=row.version)
    after = slo_rows([slo], rolling(at))[0]
    assert (after.adjusted, after.raw) == (1.0, before.raw)
    with pytest.raises(VersionConflictError):
        exclusion_approve(by=actor_for(commander), at=at, exclusion=row, expected=row.version)


def test_time_whose_points_are_gone_can_still_be_excluded(slo: Slo, platform: Platform, at: datetime) -> None:
    traffic(at, [40.0] + [None] * 11)
    before = slo_rows([slo], rolling(at))[0].raw
    Point5m.objects.all().delete()
    exclusion_put(by=BY, at=at, platform=platform, service=None, slo=None, starts_at=at - HOUR,
                  ends_at=at, reason="Window", ref="WIN-1")  # fmt: skip
    row = slo_rows([slo], rolling(at))[0]
    assert (row.raw, row.adjusted) == (before, None)


def _version_form(slo: Slo, **changes: object) -> dict[str, object]:
    last = slo.versions.order_by("-number").first()
    assert last is not None
    return {
        "version": slo.version, "objective": "99.5", "window_kind": "month", "window_days": "30",
        "zone": "Europe/Berlin", "effective_from": f"{now() - HOUR:%Y-%m-%d %H:%M}",
        "indicator": json.dumps(last.indicator), **changes,
    }  # fmt: skip


def test_a_new_version_is_compared_first_and_old_time_keeps_its_objective(
    platform: Platform, admin: User, client_for: ClientFor
) -> None:
    slo = slo_of(platform, at=now() - timedelta(days=20))
    client, address = client_for(admin), reverse("monitoring:slo-change", args=[slo.pk])
    shown = client.post(address, _version_form(slo))
    assert shown.status_code == 200
    assert "What would differ" in shown.content.decode()
    assert slo.versions.count() == 1
    assert client.post(address, _version_form(slo, sure="yes")).status_code == 303
    assert [(v.number, v.window_kind) for v in slo.versions.order_by("number")] == [(1, "rolling"), (2, "month")]
    old = slo_rows([slo], rolling(now() - timedelta(days=2)))[0]
    assert old.objective == pytest.approx(0.999)
    slo.refresh_from_db()
    again = client.post(address, _version_form(slo, sure="yes", effective_from=f"{now():%Y-%m-%d %H:%M}"))
    assert again.status_code == 422
    assert "Nothing differs" in again.content.decode()


@pytest.mark.parametrize(
    "field, value",
    [("objective", "100"), ("objective", "0"), ("zone", "Mars/Base"), ("indicator", "{"), ("indicator", "[]"),
     ("indicator", '{"total": 1}'), ("indicator", '{"method": "timeslices", "comparison": "gt", "value": 1}'),
     ("effective_from", "2020-01-01 00:00"), ("window_days", "0"), ("window_kind", "decade")],
)  # fmt: skip
def test_a_version_that_cannot_be_kept_is_refused(
    platform: Platform, admin: User, client_for: ClientFor, field: str, value: str
) -> None:
    slo = slo_of(platform, at=now() - timedelta(days=20))
    answer = client_for(admin).post(
        reverse("monitoring:slo-change", args=[slo.pk]), _version_form(slo, sure="yes", **{field: value})
    )
    assert answer.status_code == 422
    assert slo.versions.count() == 1


def test_a_changed_indicator_counts_anew_from_its_instant_only(
    platform: Platform, admin: User, client_for: ClientFor
) -> None:
    at = now().replace(minute=0, second=0, microsecond=0)
    slo = slo_of(platform, at=at - timedelta(days=2))
    traffic(at, [10.0] * 24)
    last = slo.versions.get()
    without = last.indicator | {"bad": [term("HTTPCode_ELB_5XX_Count")]}
    form = _version_form(slo, sure="yes", indicator=json.dumps(without), effective_from=f"{at - HOUR:%Y-%m-%d %H:%M}")
    assert client_for(admin).post(reverse("monitoring:slo-change", args=[slo.pk]), form).status_code == 303
    bad = {row.ts: row.total - row.good for row in SloBucket.objects.filter(slo=slo, res=60)}
    assert (bad[at - 2 * HOUR], bad[at - HOUR]) == (120.0, 0.0)


def test_the_policy_is_a_platforms_own_and_its_steps_are_told_once(
    platform: Platform, manager: User, client_for: ClientFor
) -> None:
    at = now()
    slo_of(platform, at=at)
    client, address = client_for(manager), reverse("monitoring:budget-policy", args=[platform.key])
    steps = {"version": "0", "notice_at": "10", "review_at": "20", "freeze_at": "100", "review_share": "20"}
    assert client.post(address, steps | {"review_at": "5"}).status_code == 422
    assert client.post(address, steps).status_code == 303
    assert client.post(address, steps).status_code == 409
    assert BudgetPolicy.objects.get(platform=platform).review_at == 20
    end = at.replace(minute=0, second=0, microsecond=0)
    traffic(end, [0.3 * 100 * 0.001] * 12)
    assert budget_steps_tell(at=at) == 1
    assert budget_steps_tell(at=at) == 0
    assert "30" in Notice.objects.get(user=manager, kind="monitoring.budget_step").subject


def test_who_asked_is_offered_no_approval(
    slo: Slo, platform: Platform, admin: User, commander: User, client_for: ClientFor, actor_for: ActorFor
) -> None:
    at = now()
    exclusion_put(by=actor_for(admin), at=at, platform=platform, service=None, slo=slo, starts_at=at - HOUR,
                  ends_at=at, reason="Load test")  # fmt: skip
    row = SloExclusion.objects.get()
    page = reverse("monitoring:slo", args=[slo.pk])
    approve = reverse("monitoring:slo-exclusion-approve", args=[row.pk])
    traffic(at.replace(minute=0, second=0, microsecond=0), [None] * 12)
    assert approve not in client_for(admin).get(page).content.decode()
    assert approve in client_for(commander).get(page).content.decode()
    assert client_for(admin).post(approve, {"version": row.version}).status_code == 403
    assert client_for(commander).post(approve, {"version": row.version}).status_code == 303
    assert client_for(commander).post(approve, {"version": row.version}).status_code == 409


def test_the_api_makes_a_version_as_the_page_does(
    platform: Platform, admin: User, token: TokenPersona, client_for: ClientFor
) -> None:
    slo = slo_of(platform, at=now() - timedelta(days=20))
    address = f"/api/v1/slos/{slo.pk}/versions/"
    assert client_for(token).post(address, {"objective": "99.5"}, content_type="application/json").status_code == 403
    client = client_for(token_persona(admin, "slo:write", "monitoring:read"))
    etag = client.get(address).headers["ETag"]
    assert client.post(address, {"objective": "99.5"}, content_type="application/json").status_code == 428
    for body in ({"objective": "100"}, {"zone": "Mars"}, {"indicator": {"total": 1}}, {"indicator": {"total": [1]}}):
        answer = client.post(address, body, content_type="application/json", headers={"If-Match": etag})
        assert answer.status_code == 400, answer.content
    for body in ({}, {"objective": "99.5", "effective_from": "2020-01-01T00:00:00Z"}):
        answer = client.post(address, body, content_type="application/json", headers={"If-Match": etag})
        assert answer.status_code == 422, answer.content
    assert slo.versions.count() == 1
    made = client.post(address, {"objective": "99.5"}, content_type="application/json", headers={"If-Match": etag})
    assert made.status_code == 201, made.content
    assert [one["objective"] for one in made.json()["versions"]] == [99.5, 99.9]
    stale = client.post(address, {"objective": "99.4"}, content_type="application/json", headers={"If-Match": etag})
    assert stale.status_code == 412
