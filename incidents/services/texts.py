"""The texts of an incident's record: what one said stays readable when it is written anew."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from incidents.choices import EntryKind
from incidents.models import Incident
from incidents.services.timeline import MAX_BODY, append
from opsportal.core.actor import Actor

# As stored, and as people say it.
TEXTS: Final = {
    "title": "title",
    "summary": "summary",
    "users_affected": "users affected",
    "impact_business": "impact",
    "impact_technical": "technical impact",
    "cause": "cause",
    "resolution": "resolution",
}


def say_rewritten(incident: Incident, before: Mapping[str, str], *, by: Actor, at: datetime) -> None:
    """A line with the old and the new text of each of `before` that had said something and says another thing now.

    Inside the caller's transaction, after the incident was written and its clocks were.
    """
    for name, old in before.items():
        new = getattr(incident, name)
        if old.strip() and new != old:
            said = f"changed the {TEXTS[name]} from “{old}”"
            whole = f"{said} to “{new}”" if new else f"{said} to nothing"
            body = whole if len(whole) <= MAX_BODY else said  # the new one stands in the record
            append(incident, kind=EntryKind.STATE, body=body, by=by, at=at, data={"text": name, "was": old})
