"""From a fault in AWS to an incident on the screen: by the real collector, dispatcher and worker, on a bent clock."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from opsportal.local.aws.control import Control
from tests.faults.trial import Trial

pytestmark = pytest.mark.worker
RATE = 4.0
MOST_SECONDS = 150
READY = "SELECT count(*) FROM monitoring_pollrun WHERE state = 'ok' AND period = 60"
OPENED = """
SELECT i.id, i.number, i.title, t.at, s.key FROM incidents_incident i
  JOIN incidents_alarmclaim c ON c.incident_id = i.id AND c.outcome = 'opened'
  JOIN monitoring_alarmtransition t ON t.id = c.transition_id
  LEFT JOIN platforms_service s ON s.id = i.service_id
 WHERE t.signal LIKE %s ORDER BY i.id
"""


@pytest.fixture(scope="module")
def trial(migrated_dump: Path) -> Iterator[Trial]:
    with Trial(("shop",), rate=RATE, schema=migrated_dump) as trial:
        trial.wait_for("a first poll", lambda: trial.one(READY), 180)
        yield trial


def _page(trial: Trial, path: str) -> str:
    cookies = json.loads((trial.home.path / "cookies.json").read_text())
    answer = httpx.get(f"{trial.url}{path}", cookies={"sessionid": cookies["commander"]}, timeout=10)
    assert answer.status_code == 200, path
    return answer.text


def _seconds(trial: Trial, since: datetime) -> float:
    return (trial.business_now() - since).total_seconds()


def test_fault_is_an_incident_on_screen_within_150_seconds(trial: Trial) -> None:
    begun = trial.business_now()
    Control(f"http://127.0.0.1:{trial.aws_port}").start_fault("db-connections", platform="shop-management")
    trial.wait_for("the incident on Today", lambda: "Open incidents" in _page(trial, "/") and _opened(trial), 120)
    assert _seconds(trial, begun) <= MOST_SECONDS
    incident_id, number, title, breached_at, _service = _opened(trial)[0]
    assert breached_at > begun
    page = _page(trial, f"/incidents/{number}/")
    assert title in page
    assert f"/incidents/{number}/" in _page(trial, "/")
    # What must stand in the same transaction: clocks, timeline, trail, and the words to people.
    assert trial.one("SELECT count(*) FROM incidents_incidentclock WHERE incident_id = %s", incident_id) >= 1
    assert trial.one("SELECT count(*) FROM incidents_timelineentry WHERE incident_id = %s", incident_id) >= 2
    seen = "SELECT count(*) FROM audit_auditentry WHERE obj_kind = 'incident' AND obj_id = %s"
    assert trial.one(seen, str(incident_id)) >= 1
    sent = "SELECT count(*) FROM notifications_outboxmessage WHERE group_key = %s AND sent_at IS NOT NULL"
    trial.wait_for("the message sent", lambda: trial.one(sent, f"incident:{incident_id}"), 30)
    assert trial.one("SELECT count(*) FROM notifications_notice WHERE group_key = %s", f"incident:{incident_id}")


def _opened(trial: Trial) -> list[tuple[int, int, str, datetime, str]]:
    return trial.rows(OPENED, "%connection%")


def test_metric_that_is_back_is_said_on_the_incident(trial: Trial) -> None:
    trial.wait_for("the incident", lambda: _opened(trial), 120)
    Control(f"http://127.0.0.1:{trial.aws_port}").heal()
    recovered = "SELECT count(*) FROM incidents_alarmclaim WHERE outcome = 'recovered' AND incident_id = %s"
    trial.wait_for("the metric is back", lambda: trial.one(recovered, _opened(trial)[0][0]), 180)
