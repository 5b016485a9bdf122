"""Grafana: unified alerting (Alertmanager's shape) and the webhook of alerting before version 9."""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.intake.alertmanager import labelled_alerts
from monitoring.intake.alerts import AlertIn, ParseError, alert_in, firing_of, object_of, table

# Grafana's word for "the rule could not be judged" is not that all is well.
_FIRING: Final = frozenset({"alerting", "no_data", "pending"})
_RESOLVED: Final = frozenset({"ok", "paused"})


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    message = object_of(body)
    if "alerts" in message:
        return labelled_alerts(message)
    if "ruleName" not in message:
        raise ParseError("Neither `alerts` nor `ruleName`: this is no message of Grafana.")
    return [_rule(message)]


def _rule(message: Mapping[str, Any]) -> AlertIn:
    labels = table(message.get("tags"))
    subject = (message.get("ruleId") or message["ruleName"], message.get("orgId", ""))
    return alert_in(
        title=message.get("title") or message["ruleName"],
        is_firing=firing_of(message.get("state"), firing=_FIRING, resolved=_RESOLVED),
        subject=subject,
        severity=labels.get("severity", ""),
        service=labels.get("service", ""),
        signal=labels.get("signal") or message["ruleName"],
        text=message.get("message", ""),
        url=message.get("ruleUrl", ""),
        labels=labels,
    )
