"""What webhooks are told, event by event: a public contract of its own (docs/api.md), apart from the audit's data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from incidents.models import Incident, Review, StatusUpdate

# What webhooks may ask for, and what has happened then.
EVENTS: Final = {
    "incident.declared": "An incident was opened",
    "incident.acknowledged": "Someone took command",
    "severity.changed": "Its severity changed",
    "stage.changed": "It moved to another stage",
    "update.posted": "A status update was posted",
    "incident.mitigated": "Users are served again",
    "incident.resolved": "It was resolved",
    "incident.reopened": "It was reopened",
    "incident.closed": "It was closed",
    "incident.merged": "It was closed as a duplicate of another",
    "review.published": "Its review was published",
}
Told = Mapping[str, Any]


def of_incident(incident: Incident) -> dict[str, Any]:
    """What every event says of its incident, as it stands then."""
    return {
        "number": incident.number,
        "reference": incident.reference,
        "url": _address(incident.url),
        "title": incident.title,
        "platform": incident.platform.key,
        "service": incident.service.key if incident.service else None,
        "severity": incident.severity.label,
        "rank": incident.rank,
        "state": incident.state,
        "stage": incident.stage,
        "version": incident.version,
    }


def _address(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def declared(incident: Incident) -> Told:
    return {
        "type": incident.type,
        "detection_source": incident.detection_source,
        "summary": incident.summary,
        "impact_started_at": _time(incident.impact_started_at),
        "detected_at": _time(incident.detected_at),
    }


def acknowledged(incident: Incident) -> Told:
    return {
        "commander": incident.commander.name if incident.commander else None,
        "acknowledged_at": _time(incident.acknowledged_at),
    }


def severity_changed(before: str, rank_before: int, why: str) -> Told:
    return {"severity_before": before, "rank_before": rank_before, "why": why}


def stage_changed(before: str) -> Told:
    return {"stage_before": before}


def update_posted(update: StatusUpdate) -> Told:
    return {
        "update": {
            "state": update.state,
            "audience": update.audience,
            "body": update.body,
            "published_at": _time(update.published_at),
        }
    }


def mitigated(incident: Incident, note: str) -> Told:
    return {"mitigated_at": _time(incident.mitigated_at), "note": note}


def resolved(incident: Incident) -> Told:
    return {
        "impact_started_at": _time(incident.impact_started_at),
        "mitigated_at": _time(incident.mitigated_at),
        "resolved_at": _time(incident.resolved_at),
        "resolution": incident.resolution,
    }


def reopened(why: str) -> Told:
    return {"why": why}


def closed(incident: Incident) -> Told:
    review = Review.objects.filter(incident=incident).first()
    return {
        "closed_at": _time(incident.closed_at),
        "cause": incident.cause,
        "resolution": incident.resolution,
        "review": {"url": _address(review.url), "state": review.state} if review is not None else None,
    }


def merged(kept: Incident) -> Told:
    return {"into": {"number": kept.number, "reference": kept.reference, "url": _address(kept.url)}}


def review_published(review: Review) -> Told:
    return {
        "review": {
            "url": _address(review.url),
            "version": review.version,
            "author": review.author.name if review.author else None,
            "published_by": review.published_by.name if review.published_by else None,
            "published_at": _time(review.published_at),
        }
    }
