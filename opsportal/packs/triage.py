"""A pack's own choice of severities by triage answer: the policy `triage-severity`, "security: P0, users: P2"."""

from typing import Final

from incidents.types import TRIAGE, Choice
from opsportal.packs.models import PolicyEntry
from opsportal.platforms.models import PolicySource, SchemeKind, Severity

KEY: Final = "triage-severity"


def triage_choice(platform_id: int) -> Choice | None:
    """Question → rank as the platform's policy says; words that are no question or no label of it are passed over."""
    entry = PolicyEntry.objects.filter(platform_id=platform_id, key=KEY).first()
    if entry is None:
        return None
    rows = Severity.objects.filter(scheme__platform_id=platform_id, scheme__kind=SchemeKind.INCIDENT)
    ranks = dict(rows.values_list("label", "rank"))
    known = {question.key for question in TRIAGE}
    pairs = (part.partition(":") for part in entry.value.split(","))
    chosen = {key.strip(): ranks[label.strip()] for key, _, label in pairs if label.strip() in ranks}
    source = entry.source_text or PolicySource(entry.source).label
    return Choice({key: rank for key, rank in chosen.items() if key in known}, source)
