"""Alertmanager's webhook, version 4: a group of alerts, each firing or resolved."""

from collections.abc import Mapping
from typing import Any

from monitoring.intake.alerts import (
    AlertIn,
    ParseError,
    alert_in,
    firing_of,
    mapping_of,
    moment,
    object_of,
    rows_of,
    table,
)


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    return labelled_alerts(object_of(body))


def labelled_alerts(message: Mapping[str, Any]) -> list[AlertIn]:
    """The alerts of Alertmanager's shape, which Grafana sends too."""
    rows = rows_of(message.get("alerts"), "`alerts`")
    return [_alert(mapping_of(row, "An alert"), message) for row in rows]


def _alert(row: Mapping[str, Any], message: Mapping[str, Any]) -> AlertIn:
    labels, notes = table(row.get("labels")), table(row.get("annotations"))
    name = labels.get("alertname")
    if not isinstance(name, str) or not name:
        raise ParseError("An alert has no label `alertname`.")
    is_firing = firing_of(row.get("status") or message.get("status"))
    started, ended = row.get("startsAt"), row.get("endsAt")
    subject = [row["fingerprint"]] if row.get("fingerprint") else sorted((str(k), str(v)) for k, v in labels.items())
    service = labels.get("service") or labels.get("job") or ""
    return alert_in(
        title=notes.get("summary") or name,
        is_firing=is_firing,
        subject=subject,
        group=(name, service),
        # The same event is sent again while it lasts: start and state make it one.
        event=(*subject, is_firing, started if is_firing else ended or started),
        at=moment(started) if is_firing else moment(ended) or moment(started),
        severity=labels.get("severity", ""),
        service=service,
        signal=labels.get("signal") or name,
        text=notes.get("description") or notes.get("message") or "",
        url=row.get("generatorURL") or message.get("externalURL") or "",
        labels=labels,
    )
