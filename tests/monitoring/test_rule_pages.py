"""The rule editor, the list, the lint and the groups of symptoms, as people and programs meet them."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from monitoring.models import Alarm, AlarmRule, AlarmTransition
from monitoring.services.alarms import alarm_transition
from monitoring.store import floor_to
from opsportal.core.clock import now
from opsportal.packs.models import PackObject
from opsportal.platforms.models import Platform, Severity
from tests.bad_input import post_form
from tests.factories.incidents import alarm as portal_alarm
from tests.factories.monitoring import metric_of, rule_of, series_named, service_of, write

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def rule(platform: Platform) -> AlarmRule:
    at = floor_to(now(), 300)
    found = rule_of(platform, at=at)
    write(series_named("DatabaseConnections"), [40.0] * 20 + [96.0] * 5 + [40.0] * 20, end=at)
    return found


def said(rule: AlarmRule, **changes: Any) -> dict[str, Any]:
    """The form as it stands for the rule."""
    fields = {
        "version": rule.version, "name": rule.name, "metric": "keep", "stat": rule.stat, "measure": "value",
        "high_critical": rule.threshold, "high_warning": "", "low_warning": "", "low_critical": "",
        "clear_threshold": "", "clear_periods": 0, "period": rule.period, "datapoints": 1, "window": 1,
        "missing": "ignore", "severity": rule.severity_id, "opens_incident": "on", "grouped": "on", "flap_changes": 6,
        "flap_minutes": 60, "note": "the pool is bigger now",
    }  # fmt: skip
    return {name: str(value) for name, value in {**fields, **changes}.items()}


def shown(html: str) -> str:
    found = re.search(r'name="shown" value="(\w+)"', html)
    assert found, html[:2000]
    return found.group(1)


def test_what_a_rule_would_have_done_is_shown_before_it_is_saved(
    rule: AlarmRule, admin: Any, client_for: ClientFor
) -> None:
    client, url = client_for(admin), reverse("monitoring:rule", args=[rule.pk])
    assert 'value="keep" selected' in client.get(url).content.decode()
    sent = said(rule, high_critical=90, high_warning=80)
    first = client.post(url, sent)
    html = unescape(first.content.decode())
    assert first.status_code == 200
    assert "Would have fired 1\N{NO-BREAK SPACE}time, 5\N{NO-BREAK SPACE}min in all." in html
    assert "<svg" in html
    assert "Critical limit" in html
    rule.refresh_from_db()
    assert rule.threshold == 80.0
    changed = client.post(url, {**sent, "high_critical": "95", "shown": shown(html)})
    assert changed.status_code == 200
    rule.refresh_from_db()
    assert rule.version == 1  # what was sent is not what was shown
    saved = client.post(url, {**sent, "shown": shown(html)})
    assert (saved.status_code, saved["Location"]) == (303, url)
    rule.refresh_from_db()
    assert (rule.threshold, rule.warn_threshold, rule.version, rule.source) == (90.0, 80.0, 2, "edited")
    assert rule.missing == "ignore"
    stale = client.post(url, {**sent, "high_critical": "91"})
    assert client.post(url, {**sent, "high_critical": "91", "shown": shown(stale.content.decode())}).status_code == 409


def test_a_rule_is_made_from_a_metric_and_copied(
    platform: Platform, rule: AlarmRule, admin: Any, client_for: ClientFor
) -> None:
    client, metric = client_for(admin), metric_of(platform, at=floor_to(now(), 300))
    url = reverse("monitoring:rule-new") + "?platform=shop"
    sent = said(rule, version=0, name="Few requests", metric=metric.pk, stat="Sum", high_critical="", low_critical=10,
                low_warning=20, period=300, datapoints=2, window=3)  # fmt: skip
    html = client.post(url, sent).content.decode()
    assert client.post(url, {**sent, "shown": shown(html)}).status_code == 303
    made = AlarmRule.objects.get(key="few-requests")
    assert (made.comparison, made.threshold, made.warn_threshold, made.signal) == ("lt", 10.0, 20.0, "requests")
    assert made.indicator["value"]["metric"] == "RequestCount"
    assert made.service == service_of(platform)
    copy = client.get(reverse("monitoring:rule-new") + f"?copy={made.pk}").content.decode()
    assert "Few requests (copy)" in copy
    assert f'<option value="{metric.pk}" selected>' in copy


def test_a_share_is_made_of_bad_and_all_events(
    platform: Platform, rule: AlarmRule, admin: Any, client_for: ClientFor
) -> None:
    at = floor_to(now(), 300)
    total = metric_of(platform, at=at)
    bad = metric_of(platform, at=at, key="errors", name="HTTPCode_Target_5XX_Count")
    client, url = client_for(admin), reverse("monitoring:rule-new") + "?platform=shop"
    sent: dict[str, Any] = said(rule, version=0, name="Errors", metric="", high_critical=5)
    neither = client.post(url, sent)
    assert neither.status_code == 422
    assert "the bad events and all events of a share" in neither.content.decode()
    sent |= {"bad": [str(bad.pk)], "total": [str(total.pk)]}
    html = client.post(url, sent).content.decode()
    assert client.post(url, {**sent, "shown": shown(html)}).status_code == 303
    made = AlarmRule.objects.get(key="errors")
    assert (made.signal, made.unit, len(made.indicator["bad"])) == ("error-rate", "Percent", 1)


@pytest.mark.parametrize(
    "changes,words",
    [
        ({"high_critical": ""}, "at least one critical limit"), ({"missing": ""}, "required"),
        ({"note": ""}, "required"), ({"high_warning": 99}, "go outwards"), ({"datapoints": 3}, "never be judged"),
        ({"high_critical": "nan"}, "number"),
        ({"metric": "999999"}, "not one of the available"), ({"version": "x"}, "incomplete"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_stand_is_said_to_be_so(
    rule: AlarmRule, admin: Any, client_for: ClientFor, changes: dict[str, Any], words: str
) -> None:
    response = client_for(admin).post(reverse("monitoring:rule", args=[rule.pk]), said(rule, **changes))
    assert response.status_code == 422
    assert words in unescape(response.content.decode())


def test_bad_text_is_stored_clean_or_refused(rule: AlarmRule, admin: Any, client_for: ClientFor, bad_text: str) -> None:
    fields = {**said(rule), "name": bad_text, "note": bad_text}
    response = post_form(client_for(admin), reverse("monitoring:rule", args=[rule.pk]), fields)
    assert response.status_code in (200, 422)


def test_a_rule_is_switched_off_with_a_reason_and_on_again(rule: AlarmRule, admin: Any, client_for: ClientFor) -> None:
    client, url = client_for(admin), reverse("monitoring:rule-switch", args=[rule.pk])
    client.post(url, {"version": 1, "note": ""})
    rule.refresh_from_db()
    assert rule.enabled
    assert client.post(url, {"version": 1, "note": "replaced"}).status_code == 303
    rule.refresh_from_db()
    assert (rule.enabled, rule.note) == (False, "replaced")
    assert client.post(url, {"version": 1, "note": "late", "on": "on"}).status_code == 409
    client.post(url, {"version": 2, "note": "back", "on": "on"})
    rule.refresh_from_db()
    assert rule.enabled


def test_drift_from_the_pack_is_shown(rule: AlarmRule, platform: Platform, admin: Any, client_for: ClientFor) -> None:
    fields = {"comparison": ">", "value": 70, "datapoints": 2, "evaluation_periods": 2, "period": 300, "warning": 60,
              "other_side": {"warning": 5}}  # fmt: skip
    PackObject.objects.create(platform=platform, kind="threshold", key=rule.key, applied_hash="x", applied_at=now(),
                              pack_version="1.2.3", declared=fields)  # fmt: skip
    client = client_for(admin)
    assert "edited here" not in client.get(reverse("monitoring:rules")).content.decode()
    AlarmRule.objects.update(source="edited")
    assert "edited here" in client.get(reverse("monitoring:rules")).content.decode()
    html = unescape(client.get(reverse("monitoring:rule", args=[rule.pk])).content.decode())
    assert "> 70, warning > 60, warning on the other side 5; 2 of 2 × 300 s" in html


def test_a_viewer_reads_rules_and_changes_none(
    rule: AlarmRule, viewer: Any, operator: Any, other_admin: Any, client_for: ClientFor
) -> None:
    assert client_for(viewer).get(reverse("monitoring:rules")).status_code == 200
    for person, status in ((viewer, 403), (operator, 403), (other_admin, 404)):
        assert client_for(person).get(reverse("monitoring:rule", args=[rule.pk])).status_code == status
    assert rule.name not in client_for(other_admin).get(reverse("monitoring:rule-lint")).content.decode()


def test_symptoms_of_one_service_stand_as_a_group_that_opens(
    platform: Platform, viewer: Any, client_for: ClientFor
) -> None:
    at = now()
    for key in ("db", "latency"):
        one = portal_alarm(platform, key=key, signal=key)
        alarm_transition(alarm=one, to_state="alarm", at=at, recorded_at=at)
    Alarm.objects.update(fetched_at=at)
    calm = portal_alarm(platform, key="cpu", signal="cpu", state="ok", fetched_at=at)
    html = client_for(viewer).get(reverse("monitoring:alarms")).content.decode()
    group, rest = html.split('class="symptoms"')[1].split("</details>", 1)
    assert "2\N{NO-BREAK SPACE}symptoms" in group
    assert "Alarm latency" in group
    assert calm.name in rest
    assert "Alarm latency" not in rest


def test_flapping_and_warning_are_shown(platform: Platform, viewer: Any, client_for: ClientFor) -> None:
    at, one = now(), portal_alarm(platform)
    for minute in range(9):
        state = "warning" if minute % 2 else "alarm"
        alarm_transition(alarm=one, to_state=state, at=at - (9 - minute) * MINUTE, recorded_at=at)
    Alarm.objects.update(fetched_at=at)
    assert AlarmTransition.objects.filter(flapping=True).count() == 3
    client = client_for(viewer)
    assert "flapping" in client.get(reverse("monitoring:alarms") + "?state=alarm").content.decode()
    page = client.get(reverse("monitoring:alarm", args=[one.pk])).content.decode()
    assert "one page stands for all" in page


def test_the_lint_is_a_page_and_a_command_with_an_exit_code(
    rule: AlarmRule, platform: Platform, viewer: Any, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    html = client.get(reverse("monitoring:rule-lint")).content.decode()
    assert "No written runbook is opened for it." in html
    assert "no-runbook" in client.get(reverse("monitoring:rule-lint") + "?code=no-runbook").content.decode()
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("alarms", "lint", "--platform", "shop", stdout=out)
    assert ended.value.code == 1
    assert "shop connections: No written runbook is opened for it. [no-runbook]" in out.getvalue()
    AlarmRule.objects.update(enabled=False)
    quiet = StringIO()
    call_command("alarms", "lint", stdout=quiet)
    assert quiet.getvalue().startswith("0\N{NO-BREAK SPACE}rules, 0")


def body(rule: AlarmRule, **changes: Any) -> dict[str, Any]:
    severity = Severity.objects.get(pk=rule.severity_id)
    return {
        "platform": "shop", "name": "Too many", "service": "web", "signal": "db-connections", "period": 60,
        "indicator": rule.indicator, "stat": "Maximum", "threshold": 90, "missing": "ignore",
        "severity": severity.label, "note": "load is known", **changes,
    }  # fmt: skip


def test_a_program_tries_makes_changes_and_switches_off_a_rule(
    rule: AlarmRule, admin: Any, client_for: ClientFor
) -> None:
    client, kind = client_for(admin), "application/json"
    tried = client.post("/api/v1/alarm-rules/preview/", body(rule), kind).json()
    assert (tried["fired"], tried["firing_seconds"], tried["refusal"]) == (1, 300, "")
    assert tried["stretches"][-1]["worst"] == 96.0
    made = client.post("/api/v1/alarm-rules/", body(rule), kind)
    assert made.status_code == 201
    url = f"/api/v1/alarm-rules/{made.json()['id']}/"
    tag = client.get(url)["ETag"]
    assert client.patch(url, {"threshold": 95, "note": "x"}, kind).status_code == 428
    changed = client.patch(url, {"threshold": 95, "note": "x"}, kind, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["threshold"], changed.json()["version"]) == (200, 95.0, 2)
    assert client.patch(url, {"threshold": 96, "note": "x"}, kind, headers={"If-Match": tag}).status_code == 412
    off = client.patch(url, {"enabled": False, "note": "gone"}, kind, headers={"If-Match": changed["ETag"]})
    assert off.json()["enabled"] is False
    for wrong in ({"severity": "P9"}, {"service": "nowhere"}, {"indicator": {"value": 3}}, {"warn_threshold": 91}):
        assert client.post("/api/v1/alarm-rules/", body(rule, **wrong), kind).status_code == 422, wrong
    assert client.post("/api/v1/alarm-rules/", {"platform": "shop"}, kind).status_code == 400
    found = client.get("/api/v1/alarm-rules/lint/?platform=shop").json()["results"]
    assert {"no-runbook"} <= {one["code"] for one in found}


def test_bad_bodies_are_refused(rule: AlarmRule, admin: Any, client_for: ClientFor, bad_body: bytes) -> None:
    client = client_for(admin)
    for url in ("/api/v1/alarm-rules/", "/api/v1/alarm-rules/preview/"):
        assert 400 <= client.post(url, bad_body, "application/json").status_code < 500


def test_bad_text_in_a_body(rule: AlarmRule, admin: Any, client_for: ClientFor, bad_text: str) -> None:
    clean = bad_text.encode("utf-8", "ignore").decode()
    reads = {"namespace": clean, "metric": clean, "stat": "Sum", "dimensions": {clean: clean}}
    sent = body(rule, name=clean, note=clean, unit=clean[:16], stat="Sum", indicator={"value": reads})
    response = client_for(admin).post("/api/v1/alarm-rules/", sent, "application/json")
    assert response.status_code in (201, 400, 413, 422)
