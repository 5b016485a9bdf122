"""What a source's admin says of its messages: where a generic one holds what, and what its alerts mean here. Pure.

{"fields": {"alerts": "data.items", "title": "name", "state": "status", "firing": ["bad"], "resolved": ["good"], …},
 "rules": [{"field": "title", "contains": "disk", "service": "web", "signal": "disk", "severity": "P1",
            "opens_incident": true}]}

A path is names and list places with dots between: `items.0.name`. The first rule that fits an alert counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitoring.intake.alerts import (
    FIRING_WORDS,
    RESOLVED_WORDS,
    AlertIn,
    ParseError,
    alert_in,
    firing_of,
    json_of,
    line,
    moment,
    rows_of,
)

PATHS: Final = ("title", "state", "id", "event", "group", "time", "severity", "service", "signal", "text", "url")
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 120}
_WORDS: Final = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 20}
_RULE: Final = {
    "type": "object",
    "properties": {
        "field": {"type": "string", "pattern": "^(title|text|severity|service|signal|label:[^\\s]{1,60})$"},
        "contains": _TEXT,
        "service": _TEXT,
        "signal": {"type": "string", "pattern": "^[a-z0-9-]{1,60}$"},
        "severity": _TEXT,
        "opens_incident": {"type": "boolean"},
    },
    "required": ["field", "contains"],
    "additionalProperties": False,
}
SCHEMA: Final = {
    "type": "object",
    "properties": {
        "fields": {
            "type": "object",
            "properties": {
                **dict.fromkeys((*PATHS, "alerts"), _TEXT),
                "firing": _WORDS,
                "resolved": _WORDS,
                "labels": {"type": "array", "items": _TEXT, "maxItems": 20},
            },
            "required": ["title"],
            "additionalProperties": False,
        },
        "rules": {"type": "array", "items": _RULE, "maxItems": 100},
    },
    "additionalProperties": False,
}


class MappingError(ValueError):
    """The mapping cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alert means here when `field` contains a text; empty words leave what the alert says."""

    field: str
    contains: str
    service: str = ""
    signal: str = ""
    severity: str = ""
    opens_incident: bool | None = None

    def fits(self, alert: AlertIn) -> bool:
        """Upper and lower case are the same."""
        if self.field.startswith("label:"):
            value = alert.labels.get(self.field.removeprefix("label:"), "")
        else:
            value = str(getattr(alert, self.field))
        return self.contains.lower() in value.lower()


def checked(mapping: Any) -> dict[str, Any]:
    """The mapping when it is one. Raises MappingError."""
    from jsonschema import Draft202012Validator  # only who checks a mapping loads it

    error = next(iter(Draft202012Validator(SCHEMA).iter_errors(mapping)), None)
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "the mapping"
        raise MappingError(f"{where}: {error.message[:200]}")
    found: dict[str, Any] = mapping
    return found


def rules_of(mapping: Mapping[str, Any]) -> list[Rule]:
    """The rules of a checked mapping, in order."""
    return [Rule(**rule) for rule in mapping.get("rules", [])]


def fitting(rules: Sequence[Rule], alert: AlertIn) -> Rule | None:
    """The first rule that fits."""
    return next((rule for rule in rules if rule.fits(alert)), None)


def parse(body: bytes, fields: Mapping[str, Any]) -> list[AlertIn]:
    """A generic message, read as `fields` say. Raises ParseError."""
    if not fields:
        raise ParseError("This source has no mapping yet: its fields say where the title and the state stand.")
    message = json_of(body)
    rows = rows_of(at_path(message, fields["alerts"]), f"`{fields['alerts']}`") if "alerts" in fields else [message]
    return [_alert(row, fields) for row in rows]


def at_path(value: Any, path: str) -> Any:
    """What stands there; None when nothing does."""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and len(part) <= 4:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def _alert(row: Any, fields: Mapping[str, Any]) -> AlertIn:
    values = {name: at_path(row, fields[name]) for name in PATHS if name in fields}
    title = line(values.get("title"), 240)
    if not title:
        raise ParseError(f"Nothing stands at `{fields['title']}`, where the title should be.")
    is_firing = True
    if "state" in fields:
        firing = frozenset(word.lower() for word in fields.get("firing", ())) or FIRING_WORDS
        resolved = frozenset(word.lower() for word in fields.get("resolved", ())) or RESOLVED_WORDS
        is_firing = firing_of(_word(values.get("state")), firing=firing, resolved=resolved)
    about = line(values.get("id"), 200) or title
    event, at = line(values.get("event"), 200), moment(values.get("time"))
    return alert_in(
        title=title,
        is_firing=is_firing,
        subject=(about,),
        group=(line(values.get("group"), 200),) if values.get("group") else (),
        event=(about, event, is_firing) if event else (about, is_firing, at) if at else (),
        at=at,
        severity=values.get("severity", ""),
        service=values.get("service", ""),
        signal=values.get("signal", ""),
        text=values.get("text", ""),
        url=values.get("url", ""),
        labels={path: at_path(row, path) for path in fields.get("labels", ())},
    )


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
