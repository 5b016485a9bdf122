"""Pingdom's webhook: a check went from one state to another."""

from collections.abc import Mapping
from typing import Any

from monitoring.intake.alerts import AlertIn, ParseError, alert_in, firing_of, line, moment, object_of, table


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """Raises ParseError."""
    del headers
    message = object_of(body)
    check = line(message.get("check_id"), 40)
    if not check:
        raise ParseError("No `check_id`: this is no message of Pingdom.")
    at = moment(message.get("state_changed_timestamp")) or moment(message.get("state_changed_utc_time"))
    parameters = table(message.get("check_params"))
    return [
        alert_in(
            title=message.get("check_name") or f"Check {check}",
            is_firing=firing_of(message.get("current_state"), firing=_DOWN, resolved=_UP),
            subject=("check", check),
            event=("check", check, message.get("current_state"), at) if at else (),
            at=at,
            severity=message.get("importance_level", ""),
            text=message.get("long_description") or message.get("description") or "",
            signal="availability",
            url=parameters.get("full_url", ""),
            labels={"host": parameters.get("hostname", ""), "tags": _tags(message.get("tags"))},
        )
    ]


_DOWN = frozenset({"down", "failing", "unconfirmed_down"})
_UP = frozenset({"up", "success"})


def _tags(value: Any) -> str:
    return " ".join(line(tag, 40) for tag in value[:10]) if isinstance(value, list) else ""
