"""EventBridge: an AWS event, as an API destination or an SNS topic hands it on. CloudWatch's own has a state."""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.intake.alerts import AlertIn, ParseError, alert_in, line, moment, object_of, table

_ALARM: Final = "CloudWatch Alarm State Change"
_OVER: Final = frozenset({"closed", "resolved", "succeeded", "completed"})
_NAMES: Final = ("eventTypeCode", "EventCategories", "group", "title", "type", "eventName")
_SUBJECTS: Final = ("SourceArn", "SourceIdentifier", "resource", "serviceName", "instance-id", "id")


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    return [event_alert(object_of(body))]


def event_alert(event: Mapping[str, Any]) -> AlertIn:
    """One event of AWS. Raises ParseError."""
    kind, detail = line(event.get("detail-type"), 120), table(event.get("detail"))
    if not kind or not line(event.get("source"), 120):
        raise ParseError("No `detail-type` and `source`: this is no event of EventBridge.")
    return _alarm(event, detail) if kind == _ALARM else _other(event, kind, detail)


def _alarm(event: Mapping[str, Any], detail: Mapping[str, Any]) -> AlertIn:
    name, state = line(detail.get("alarmName"), 240), table(detail.get("state"))
    word = line(state.get("value"), 40)
    if word not in ("OK", "ALARM", "INSUFFICIENT_DATA"):
        raise ParseError("The event says no alarm state.")
    resources = event.get("resources")
    arn = resources[0] if isinstance(resources, list) and resources else ""
    at = moment(state.get("timestamp")) or moment(event.get("time"))
    return alert_in(
        title=name,
        is_firing=word == "ALARM",
        subject=("alarm", event.get("account", ""), event.get("region", ""), name),
        event=("alarm", arn or name, word, at),
        at=at,
        text=state.get("reason", ""),
        signal=name,
        labels={"account": event.get("account", ""), "region": event.get("region", "")},
        arn=arn,
    )


def _other(event: Mapping[str, Any], kind: str, detail: Mapping[str, Any]) -> AlertIn:
    what = next((line(detail[name], 120) for name in _NAMES if line(detail.get(name), 120)), "")
    about = next((line(detail[name], 255) for name in _SUBJECTS if line(detail.get(name), 255)), "")
    status = line(detail.get("status") or detail.get("statusCode"), 40).lower()
    return alert_in(
        title=f"{kind}: {what}" if what else kind,
        is_firing=status not in _OVER,
        subject=(kind, what, about or event.get("id", "")),
        group=(kind, what),
        event=("event", event["id"]) if event.get("id") else (),
        at=moment(event.get("time")),
        severity=detail.get("severity", ""),
        text=detail.get("Message") or detail.get("description") or detail.get("stoppedReason") or "",
        signal=kind,
        labels={"source": event["source"], "account": event.get("account", ""), "region": event.get("region", "")},
    )
