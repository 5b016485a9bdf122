"""How the matrix asks the routes of the intake."""

from typing import Any

from monitoring.models import Alarm, AlarmTransition, AlertSource, InboundMessage, SnsTopic
from opsportal.core.clock import now
from tests.factories.incidents import transition
from tests.factories.intake import TOPIC, source_of
from tests.rbac.objects import Case, route


def source(case: Case) -> AlertSource:
    return AlertSource.objects.filter(platform=case.platform).first() or source_of(case.platform, at=now())[0]


def link(case: Case) -> dict[str, Any]:
    _, path = source_of(case.platform, at=now(), name=f"Source {AlertSource.objects.count()}")
    _, _, kind, key, _ = path.split("/")
    return {"kind": kind, "key": key}


def message(case: Case) -> InboundMessage:
    return InboundMessage.objects.create(
        source=source(case), platform=case.platform, received_at=now(), body=b"{}", verdict="unreadable"
    )


def topic(case: Case) -> SnsTopic:
    found, _ = SnsTopic.objects.get_or_create(
        source=source(case), arn=TOPIC, defaults={"platform": case.platform, "first_seen_at": now()}
    )
    return found


def group(case: Case) -> Alarm:
    found, _ = Alarm.objects.get_or_create(
        platform=case.platform, origin="alert", key="group",
        defaults={"name": "Group", "since": now(), "alert_source": source(case), "state": "alarm"},
    )  # fmt: skip
    return found


def firing(case: Case) -> AlarmTransition:
    return group(case).transitions.first() or transition(group(case), "alarm", now())


def pk_of(build: Any) -> Any:
    return lambda case: {"pk": build(case).pk}


RATING = {"word": "noise"}

route("monitoring:alert-receive", link, owned="portal")
route(
    "monitoring:alert-source-new", lambda case: {"key": case.platform.key}, data=lambda _: {"name": "x", "kind": "mail"}
)
route("monitoring:alert-source", pk_of(source), data=lambda _: {"name": "x", "version": "1"})
route("monitoring:alert-source-preview", pk_of(source), data=lambda _: {"sample": "{}"})
route("monitoring:alert-source-rotate", pk_of(source), data=lambda _: {"version": "1"})
route("monitoring:alert-source-test", pk_of(source))
route("monitoring:sns-topic", pk_of(topic), data=lambda _: {"version": "1", "decision": "allow"})
route("monitoring:inbound-message", pk_of(message))
route("monitoring:inbound-replay", pk_of(message))
route("monitoring:alarm-rate", pk_of(group), data=lambda case: RATING | {"transition": firing(case).pk})
route("monitoring:alert-group-end", pk_of(group), data=lambda _: {"version": "1"})
route("monitoring-api:alarm-alerts", pk_of(group))
route("monitoring-api:alarm-ratings", pk_of(group), data=lambda case: RATING | {"transition": firing(case).pk})
route("monitoring-api:alert-group-end", pk_of(group))
route("monitoring-api:inbound-message", pk_of(message))
route("monitoring-api:inbound-replay", pk_of(message))
