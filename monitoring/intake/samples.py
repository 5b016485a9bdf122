"""One message of each kind as its source sends it: for the try from the settings page, the editor and the docs."""

from typing import Any, Final

import orjson

from monitoring.intake.deployments.samples import DEPLOYMENTS

_LABELS: Final = {"alertname": "DiskFull", "service": "web", "severity": "critical", "instance": "web-1"}
_PROMETHEUS: Final[dict[str, Any]] = {
    "version": "4",
    "groupKey": '{}:{alertname="DiskFull"}',
    "status": "firing",
    "receiver": "opsportal",
    "externalURL": "https://alertmanager.example",
    "alerts": [
        {
            "status": "firing",
            "labels": _LABELS,
            "annotations": {"summary": "Disk of web-1 is full", "description": "97 % used, 95 % allowed."},
            "startsAt": "2026-03-10T09:00:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
            "fingerprint": "9f1e5d2c3b4a6978",
        }
    ],
}
ALARM: Final[dict[str, Any]] = {
    "AlarmName": "Database-High-Connections",
    "AlarmDescription": "Database connections above 80%",
    "AWSAccountId": "111111111111",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 2 datapoints were greater than the threshold (80.0).",
    "StateChangeTime": "2026-03-10T09:00:00.000+0000",
    "Region": "US East (N. Virginia)",
    "AlarmArn": "arn:aws:cloudwatch:us-east-1:111111111111:alarm:Database-High-Connections",
    "OldStateValue": "OK",
    "Trigger": {"MetricName": "DatabaseConnections", "Namespace": "AWS/RDS", "Threshold": 80.0},
}
_EVENT: Final[dict[str, Any]] = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "CloudWatch Alarm State Change",
    "source": "aws.cloudwatch",
    "account": "111111111111",
    "time": "2026-03-10T09:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:cloudwatch:us-east-1:111111111111:alarm:Database-High-Connections"],
    "detail": {
        "alarmName": "Database-High-Connections",
        "state": {"value": "ALARM", "reason": "Threshold Crossed.", "timestamp": "2026-03-10T09:00:00.000+0000"},
        "previousState": {"value": "OK"},
    },
}
_PINGDOM: Final[dict[str, Any]] = {
    "check_id": 12345,
    "check_name": "Shop front page",
    "check_type": "HTTP",
    "check_params": {"hostname": "shop.example", "full_url": "https://shop.example/"},
    "tags": ["shop"],
    "previous_state": "UP",
    "current_state": "DOWN",
    "importance_level": "HIGH",
    "state_changed_timestamp": 1773133200,
    "long_description": "HTTP 502 from three probes.",
}
GENERIC: Final[dict[str, Any]] = {
    "status": "problem",
    "check": {"id": "disk-web-1", "name": "Disk of web-1 is full"},
    "severity": "high",
    "happened": "2026-03-10T09:00:00Z",
}
GENERIC_FIELDS: Final[dict[str, Any]] = {
    "title": "check.name",
    "state": "status",
    "id": "check.id",
    "severity": "severity",
    "time": "happened",
}
_MAIL: Final = (
    b"From: Backup <backup@shop.example>\r\nTo: alerts@ops.example\r\nSubject: [FIRING] Nightly backup failed\r\n"
    b"Date: Tue, 10 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nThe dump ended with code 1.\r\n"
)
SAMPLES: Final[dict[str, bytes]] = {
    "alertmanager": orjson.dumps(_PROMETHEUS),
    "eventbridge": orjson.dumps(_EVENT),
    "generic": orjson.dumps(GENERIC),
    "grafana": orjson.dumps({**_PROMETHEUS, "title": "[FIRING:1] DiskFull", "orgId": 1, "state": "alerting"}),
    "mail": _MAIL,
    "pingdom": orjson.dumps(_PINGDOM),
    "sns": orjson.dumps(ALARM),  # as by raw delivery
    "statuscake": b"Name=Shop+front+page&URL=https%3A%2F%2Fshop.example%2F&Status=Down&StatusCode=502&Tags=shop",
}


def sample_of(kind: str) -> bytes:
    """What a source of that kind sends."""
    return SAMPLES.get(kind) or DEPLOYMENTS[kind]
