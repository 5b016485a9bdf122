"""What webhooks are told: each event's own keys, exactly, and nothing of the audit's."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings

from incidents.events import EVENTS
from incidents.models import Incident, Review
from incidents.services import (
    incident_acknowledge,
    incident_advance,
    incident_close,
    incident_merge,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
    incident_set_severity,
    review_draft,
    review_publish,
    review_submit,
    update_post,
)
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.notifications.models import OutboxMessage
from opsportal.notifications.webhooks import webhook_add
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare, severity

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
TEXTS = {"users_affected": "all", "cause": "The pool ran dry", "resolution": "Pool enlarged"}


@pytest.fixture
def hook(platform: Platform, at: datetime) -> None:
    webhook_add(by=SYSTEM, at=at, platform=platform, name="Bridge", url="https://hook.example/x", events=list(EVENTS))


def told(event: str) -> dict[str, Any]:
    """The newest message of an event."""
    row = OutboxMessage.objects.filter(channel="webhook", kind=event).latest("pk")
    body = json.loads(row.body)
    assert (set(body), body["event"]) == ({"event", "key", "at", "data"}, event)
    data: dict[str, Any] = body["data"]
    return data


def own(event: str, incident: Incident) -> dict[str, Any]:
    """What an event says beyond what every event says, which is checked here."""
    data, row = told(event), Incident.objects.select_related("severity", "platform", "service").get(pk=incident.pk)
    common = {
        "number": row.number,
        "reference": row.reference,
        "url": f"{settings.PUBLIC_URL}{row.url}",
        "title": row.title,
        "platform": "shop",
        "service": "web",
        "severity": row.severity.label,
        "rank": row.rank,
        "state": row.state,
        "stage": row.stage,
        "version": row.version,
    }
    assert {key: data[key] for key in common} == common
    return {key: value for key, value in data.items() if key not in common}


@pytest.mark.usefixtures("hook")
def test_each_event_says_its_own_and_nothing_else(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    row = declare(platform, by=SYSTEM, at=at, title="Checkout down", summary="502 on /pay", take_command=False)
    assert own("incident.declared", row) == {
        "type": "degradation",
        "detection_source": "team_observation",
        "summary": "502 on /pay",
        "impact_started_at": at.isoformat(),
        "detected_at": at.isoformat(),
    }
    row = incident_acknowledge(by=by, at=at + MINUTE, incident=row, expected=row.version)
    assert own("incident.acknowledged", row) == {
        "commander": operator.name,
        "acknowledged_at": (at + MINUTE).isoformat(),
    }
    row = incident_set_severity(
        by=by, at=at, incident=row, expected=row.version, severity=severity(platform, "P0"), why="All of Europe"
    )
    assert own("severity.changed", row) == {"severity_before": "P1", "rank_before": 2, "why": "All of Europe"}
    before = row.stage
    row = incident_advance(by=by, at=at, incident=row, expected=row.version, stage="respond")
    assert own("stage.changed", row) == {"stage_before": before}
    update_post(
        by=by, at=at + 2 * MINUTE, incident=row, expected=row.version, state="identified", audience="public",
        body="We **found** it.",
    )  # fmt: skip
    row.refresh_from_db()
    assert own("update.posted", row) == {
        "update": {
            "state": "identified",
            "audience": "public",
            "body": "We **found** it.",
            "published_at": (at + 2 * MINUTE).isoformat(),
        }
    }


@pytest.mark.usefixtures("hook")
def test_each_event_of_an_end_says_its_own_and_nothing_else(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    row = declare(platform, by=by, at=at)
    row = incident_mitigate(by=by, at=at + 5 * MINUTE, incident=row, expected=row.version, note="Traffic moved")
    assert own("incident.mitigated", row) == {
        "mitigated_at": (at + 5 * MINUTE).isoformat(),
        "note": "Traffic moved",
    }
    row = incident_resolve(by=by, at=at + 9 * MINUTE, incident=row, expected=row.version, resolution="Pool enlarged")
    assert own("incident.resolved", row) == {
        "impact_started_at": at.isoformat(),
        "mitigated_at": (at + 5 * MINUTE).isoformat(),
        "resolved_at": (at + 9 * MINUTE).isoformat(),
        "resolution": "Pool enlarged",
    }
    row = incident_reopen(by=by, at=at + 10 * MINUTE, incident=row, expected=row.version, why="It came back")
    assert own("incident.reopened", row) == {"why": "It came back"}
    row = incident_resolve(by=by, at=at + 20 * MINUTE, incident=row, expected=row.version)
    row = incident_close(by=by, at=at + 21 * MINUTE, incident=row, expected=row.version, texts=TEXTS)
    closed = own("incident.closed", row)
    assert closed.pop("review")["state"] == "draft"
    assert closed == {
        "closed_at": (at + 21 * MINUTE).isoformat(),
        "cause": "The pool ran dry",
        "resolution": "Pool enlarged",
    }
    review = _published(row, by, actor_for(commander), at + 30 * MINUTE)
    found = own("review.published", row)["review"]
    assert found.pop("url").endswith(review.url)
    assert found == {
        "version": review.version,
        "author": operator.name,
        "published_by": commander.name,
        "published_at": (at + 30 * MINUTE).isoformat(),
    }


def _published(incident: Incident, author: Actor, reader: Actor, at: datetime) -> Review:
    review = review_draft(by=author, at=at, incident=incident)
    review = review_submit(by=author, at=at, review=review, expected=review.version)
    return review_publish(by=reader, at=at, review=review, expected=review.version, note="Read")


@pytest.mark.usefixtures("hook")
def test_a_duplicate_names_the_one_that_goes_on(platform: Platform, at: datetime) -> None:
    kept, twin = (declare(platform, by=SYSTEM, at=at, title=title) for title in ("Checkout down", "Pay down"))
    twin = incident_merge(by=SYSTEM, at=at + MINUTE, incident=twin, expected=twin.version, target=kept)
    into = own("incident.merged", twin)["into"]
    assert into.pop("url").endswith(kept.url)
    assert into == {"number": kept.number, "reference": kept.reference}
    assert {"incident.declared", "incident.merged"} == set(OutboxMessage.objects.values_list("kind", flat=True)) & set(
        EVENTS
    )
