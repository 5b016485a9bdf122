"""An alert as every parser gives it, and how parsers read what may be anything. Pure: no I/O, no Django models."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rest_framework.exceptions import APIException

from opsportal.core.markdown import clean_text, is_safe_url
from opsportal.core.refusals import RefusedError
from opsportal.core.strict_json import parse_json

MOST_ALERTS: Final = 1000  # in one message
MOST_LABELS: Final = 24
FIRING_WORDS: Final = frozenset(
    {"firing", "alarm", "alerting", "alert", "down", "critical", "warning", "error", "open", "problem", "triggered"}
)
RESOLVED_WORDS: Final = frozenset({"resolved", "ok", "up", "recovered", "recovery", "closed", "normal", "inactive"})
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final = 1e11  # a later second than this is given in milliseconds


class ParseError(RefusedError):
    """The message is not what its source sends; the text says what was expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertIn:
    """One alert, bounded and clean enough to be stored.

    `fingerprint` names its subject and `group` what it is shown under, `dedup` this very event (empty: the message it
    came in). `at` is None where the source gives no time. `arn` is the CloudWatch alarm it tells of.
    """

    title: str
    is_firing: bool
    fingerprint: str
    group: str
    dedup: str = ""
    at: datetime | None = None
    severity: str = ""
    service: str = ""
    signal: str = ""
    text: str = ""
    url: str = ""
    labels: Mapping[str, str]
    arn: str = ""


def digest(*parts: object) -> str:
    """A short stable name of the parts."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def line(value: Any, most: int) -> str:
    """Any value as one clean line of at most `most` characters; what is no text or number is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(clean_text(str(value)).split())[:most]


def alert_in(  # noqa: PLR0913 - keyword-only, each a field of the alert
    *,
    title: Any,
    is_firing: bool,
    subject: Sequence[object],
    event: Sequence[object] = (),
    group: Sequence[object] = (),
    at: datetime | None = None,
    severity: Any = "",
    service: Any = "",
    signal: Any = "",
    text: Any = "",
    url: Any = "",
    labels: Mapping[Any, Any] | None = None,
    arn: Any = "",
) -> AlertIn:
    """An alert from values that may be anything. `subject`, `group` and `event` are what each is known by."""
    name = line(title, 240)
    if not name:
        raise ParseError("An alert has no title.")
    address = line(url, 500)
    body = clean_text(text).strip()[:2000] if isinstance(text, str) else ""
    return AlertIn(
        title=name,
        is_firing=is_firing,
        fingerprint=digest(*subject),
        group=digest(*(group or subject)),
        dedup=digest(*event) if event else "",
        at=at,
        severity=line(severity, 40),
        service=line(service, 60),
        signal=line(signal, 60),
        text=body,
        url=address if is_safe_url(address) else "",
        labels={line(key, 60): line(value, 200) for key, value in list((labels or {}).items())[:MOST_LABELS]},
        arn=line(arn, 255),
    )


def json_of(body: bytes, *, is_cleaned: bool = True) -> Any:
    """The message as JSON. Raises ParseError."""
    try:
        return parse_json(body, is_cleaned=is_cleaned)
    except APIException as error:
        raise ParseError(str(error.detail)) from error


def object_of(body: bytes) -> dict[str, Any]:
    """The message as one JSON object. Raises ParseError."""
    return mapping_of(json_of(body), "The message")


def mapping_of(value: Any, what: str) -> dict[str, Any]:
    """Raises ParseError unless it is an object."""
    if not isinstance(value, dict):
        raise ParseError(f"{what} is no JSON object.")
    return value


def table(value: Any) -> dict[str, Any]:
    """An object that may be missing."""
    return value if isinstance(value, dict) else {}


def rows_of(value: Any, what: str) -> list[Any]:
    """A list of at most a thousand. Raises ParseError."""
    if not isinstance(value, list) or not value:
        raise ParseError(f"{what} is no list of alerts.")
    if len(value) > MOST_ALERTS:
        raise ParseError(f"More than {MOST_ALERTS} alerts in one message.")
    return value


def moment(value: Any) -> datetime | None:
    """ISO 8601, seconds or milliseconds since 1970; None for anything else and for times nobody means."""
    found: datetime | None = None
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found = datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
        return found.astimezone(UTC) if found is not None and _FIRST <= found < _LAST else None
    except (ValueError, OverflowError, OSError):
        return None


def firing_of(word: Any, *, firing: frozenset[str] = FIRING_WORDS, resolved: frozenset[str] = RESOLVED_WORDS) -> bool:
    """Whether a state's word says that it fires. Raises ParseError for a word nobody explained."""
    said = line(word, 60).lower()
    if said in firing or said in resolved:
        return said in firing
    raise ParseError(f"{said or 'An empty word'} is no state this source is known to send.")


def signal_slug(text: str) -> str:
    """What is measured, as a slug."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
