"""From an alarm to a published review, through loops and URLs as people and the dispatcher use them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from incidents.loops import claim_alarms, draft_reviews
from incidents.models import ActionItem, Incident, IncidentClock, Review, TimelineEntry
from monitoring.models import Annotation
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform
from tests.factories.incidents import alarm, transition

ClientFor = Callable[..., Client]


@pytest.mark.django_db
def test_an_alarm_becomes_an_incident_a_review_and_a_mark(
    client_for: ClientFor, platform: Platform, operator: User, commander: User
) -> None:
    source = alarm(platform)
    transition(source, "alarm", now() - timedelta(minutes=2))
    claim_alarms(now())
    incident = Incident.objects.get()
    assert Notice.objects.filter(user=commander, kind="incident.opened").exists()
    hers, his = client_for(commander), client_for(operator)
    assert incident.reference in hers.get("/incidents/").content.decode()

    def say(line: str) -> None:
        incident.refresh_from_db()
        response = hers.post(f"{incident.url}log/", {"text": line, "version": incident.version, "client_key": line})
        assert response.status_code == 303, response.content[-400:]

    assert hers.post(f"{incident.url}acknowledge/", {"version": incident.version}).status_code == 303
    say("pool of 10 is full on every task")
    say("/severity P0 everyone is affected")
    say("/update identified We found the cause and are working on it.")
    say("/status mitigated pool of 50")
    transition(source, "ok", now(), reason="70 ≤ 80")
    claim_alarms(now())
    assert "is back" in his.get(incident.url).content.decode()
    say("/status resolved pool of 50, alarm at 80 %")
    draft_reviews(now())

    review = Review.objects.get()
    due = IncidentClock.objects.get(incident=incident, kind="review").due_at
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert due == incident.resolved_at + timedelta(hours=48)
    action = {"title": "Alarm at 80 %", "owner_id": operator.pk, "due_date": f"{now() + timedelta(days=7):%Y-%m-%d}"}
    assert hers.post(f"{incident.url}actions/", action).status_code == 303
    assert ActionItem.objects.get().review == review
    assert his.post(f"{review.url}submit/", {"version": review.version}).status_code == 303
    agreed = {"version": review.version + 1, "note": "Its lessons are the action's"}
    assert hers.post(f"{review.url}publish/", agreed).status_code == 303

    mark = Annotation.objects.get(kind="incident")
    assert (mark.ref, mark.starts_at, mark.ends_at) == (
        incident.reference,
        incident.impact_started_at,
        incident.resolved_at,
    )
    assert IncidentClock.objects.filter(incident=incident, stopped_at__isnull=True).count() == 0
    numbers = list(TimelineEntry.objects.filter(incident=incident).order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    verbs = set(AuditEntry.objects.filter(obj_kind="incident").values_list("verb", flat=True))
    assert {"incidents.incident.declared", "incidents.incident.resolved", "incidents.review.published"} <= verbs
