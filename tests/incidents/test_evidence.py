"""What a review takes from the record: runbooks, changes, budget, what was known when it was declared."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.models import DeclaredSituation, Incident, Review, ReviewSection
from incidents.selectors.evidence import burnt_words, evidence_of
from incidents.services import incident_resolve, incident_restrict, review_draft, situations
from incidents.services.runbooks import runbook_start
from monitoring.models import Alarm, AlarmState
from monitoring.selectors.slo_incident import Burnt, burnt_by
from monitoring.services.marks import deployment_put
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.knowledge.models import StepOutcome
from opsportal.knowledge.services.runs import run_finish, step_finish
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, alarm, declare
from tests.factories.monitoring import metric_of, series_named, slo_of, write
from tests.factories.runbooks import runbook

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def incident(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> Incident:
    """Declared while an alarm fired ten minutes after a deployment; a runbook was carried out in part; over."""
    by = actor_for(operator)
    declare(platform, by=SYSTEM, at=at - timedelta(days=40), title="Checkout down again")
    alarm(platform, state=AlarmState.ALARM, since=at - 2 * MINUTE)
    deployment_put(
        by=SYSTEM, at=at, external_id="d9", state="completed", platform=platform, service=None, label="web:9",
        started_at=at - 10 * MINUTE,
    )  # fmt: skip
    row = declare(platform, by=by, at=at, title="Checkout down")
    run = runbook_start(by=by, at=at + MINUTE, incident=row, runbook=runbook(platform, at=at))
    run = step_finish(by=by, at=at + 2 * MINUTE, run=run, expected=1, step=1, outcome=StepOutcome.DONE)
    run = step_finish(
        by=by, at=at + 3 * MINUTE, run=run, expected=2, step=2, outcome=StepOutcome.SKIPPED, note="No such check"
    )
    run_finish(
        by=by, at=at + 5 * MINUTE, run=run, expected=3, needs_change=True, wanted_change="Name it", reason="Over"
    )
    row.refresh_from_db()
    return incident_resolve(by=by, at=at + 20 * MINUTE, incident=row, expected=row.version)


@pytest.fixture
def review(incident: Incident, at: datetime) -> Review:
    return review_draft(by=SYSTEM, at=at + 21 * MINUTE, incident=incident)


def test_the_draft_says_what_ran_what_changed_and_what_it_cost(review: Review) -> None:
    texts = dict(ReviewSection.objects.filter(review=review).values_list("key", "body"))
    tools = texts["tools"].replace("\xa0", " ")
    assert "Slow answers, version 1, stopped before its end: 1 of 6 steps done, 1 skipped, in 4 min" in tools
    assert "by Operator: Over; it needs a change: Name it" in tools
    assert "What changed within two hours of its beginning" in texts["cause"]
    assert "web:9" in texts["cause"]
    assert "unknown: no objective is about this service" in texts["impact"]


def test_page_and_exports_say_the_same(review: Review, client_for: ClientFor, viewer: User, at: datetime) -> None:
    client, base = client_for(viewer), f"/incidents/{review.incident.number}/review"
    page = client.get(f"{base}/").content.decode().replace("\xa0", " ")
    markdown = client.get(f"{base}.md").content.decode().replace("\xa0", " ")
    for text in (page, markdown):
        for said in ("Slow answers", "1 of 6 steps done", "web:9", "no objective is about this service",
                     "Known when it was declared", "Checkout down again", "Commander"):  # fmt: skip
            assert said in text, said
    data = client.get(f"{base}.json").json()
    assert [(row["title"], row["done"], row["skipped"], row["needs_change"]) for row in data["runbooks"]] == [
        ("Slow answers", 1, 1, True)
    ]
    assert data["error_budget"] is None
    assert "web:9" in data["changes"][0]["title"]
    assert data["known_when_declared"]["alarms"][0]["name"] == "Alarm db"
    assert data["known_when_declared"]["at"] == at.isoformat().replace("+00:00", "Z")
    assert [row["role"] for row in data["roles"]] == ["commander"]
    assert len(data["similar"]) == 1


def test_what_was_known_then_is_not_what_is_known_now(
    incident: Incident, actor_for: ActorFor, viewer: User, at: datetime
) -> None:
    Alarm.objects.update(state=AlarmState.OK)
    found = evidence_of(actor_for(viewer), incident, at)
    assert found.then is not None
    groups = dict(found.then.groups)
    assert groups["Alarms"][0].startswith("Alarm db")
    assert groups["Service"] == ["alarms firing"]
    assert any("web:9" in line for line in groups["Changed within two hours"])


def test_an_earlier_incident_restricted_since_is_named_to_nobody_else(
    incident: Incident, actor_for: ActorFor, viewer: User, commander: User, at: datetime
) -> None:
    early = Incident.objects.get(title="Checkout down again")
    assert DeclaredSituation.objects.get(incident=incident).data["similar"] == [early.number]
    incident_restrict(
        by=SYSTEM, at=at, incident=early, expected=early.version, is_restricted=True, user_ids=[commander.pk]
    )
    for who, seen in ((viewer, []), (commander, [early.number])):
        then = evidence_of(actor_for(who), incident, at).then
        assert then is not None
        assert then.data["similar"] == seen
        assert ("Checkout down again" in str(then.groups)) == bool(seen)


def test_keeping_the_situation_adds_eleven_statements_to_declaring(
    incident: Incident, platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    metric_of(platform, at=at)

    def statements() -> int:
        with CaptureQueriesContext(connection) as found:
            declare(platform, by=SYSTEM, at=at, title="Checkout down")
        return len(found)

    kept = statements()
    monkeypatch.setattr("incidents.services.declare.situation_keep", lambda *_args, **_values: None)
    assert kept - statements() == 11, "eight reads, one row, and the savepoint that keeps a slow one from stopping it"


def test_a_situation_that_cannot_be_read_stops_no_incident(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_slow(*_args: object, **_values: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 5")
            cursor.execute("SELECT pg_sleep(1)")

    monkeypatch.setattr(situations, "situation_of", too_slow)
    incident = declare(platform, by=SYSTEM, at=at)
    assert Incident.objects.filter(pk=incident.pk).exists()
    assert not DeclaredSituation.objects.exists()


def test_what_was_not_kept_is_said_to_be_unknown(review: Review, client_for: ClientFor, viewer: User) -> None:
    """An incident declared before the portal kept it."""
    incident = Incident.objects.create(
        number=900, platform=review.incident.platform, title="Old", severity=review.incident.severity, rank=2,
        detection_source="user_report", impact_started_at=review.drafted_at, detected_at=review.drafted_at,
        declared_at=review.drafted_at, state="resolved", resolved_at=review.drafted_at,
    )  # fmt: skip
    Review.objects.create(incident=incident, drafted_at=review.drafted_at)
    client = client_for(viewer)
    assert "not kept for this incident" in client.get("/incidents/900/review/").content.decode()
    assert "Unknown: it was not kept then." in client.get("/incidents/900/review.md").content.decode()
    assert client.get("/incidents/900/review.json").json()["known_when_declared"] is None


def test_the_budget_is_shared_as_the_slo_report_shares_it(platform: Platform, at: datetime) -> None:
    now = clock.now().replace(second=0, microsecond=0)
    now -= timedelta(minutes=now.minute % 5)
    slo_of(platform, at=now - timedelta(days=1))
    write(series_named("RequestCount"), [1000.0] * 120, end=now, column="sum")
    bad = [0.0] * 60 + [100.0] * 10 + [0.0] * 50
    write(series_named("HTTPCode_Target_5XX_Count"), bad, end=now, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [0.0] * 120, end=now, column="sum")
    began = now - 60 * MINUTE
    row = declare(platform, by=SYSTEM, at=began + MINUTE, impact_started_at=began, detected_at=began + MINUTE)
    row = incident_resolve(by=SYSTEM, at=began + 10 * MINUTE, incident=row, expected=row.version)
    service = row.service_id
    (burnt,) = burnt_by(platform_id=platform.pk, service_id=service, ref=row.reference, at=now)
    assert burnt.name == "Availability"
    assert burnt.share is not None
    assert burnt.share > 1, "a thousand bad of some seventy allowed"
    quiet = declare(platform, by=SYSTEM, at=now - timedelta(days=3), title="Before anything was counted")
    quiet = incident_resolve(by=SYSTEM, at=now - timedelta(days=3) + MINUTE, incident=quiet, expected=quiet.version)
    (unknown,) = burnt_by(platform_id=platform.pk, service_id=service, ref=quiet.reference, at=now)
    assert (unknown.share, burnt_words(unknown)) == (None, "unknown: nothing was counted in that time")
    assert burnt_by(platform_id=platform.pk, service_id=service, ref="INC-0", at=now) == []
    assert "of 30 days' budget" in burnt_words(Burnt(1, "x", 0.1, 4.3))
