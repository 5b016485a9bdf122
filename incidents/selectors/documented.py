"""What makes an incident documented: impact, cause and resolution in words; and how many are (M-INC-09)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Q

from incidents.choices import StateChoice
from incidents.models import Incident
from opsportal.core.actor import Actor

IMPACT: Final = ("users_affected", "impact_business", "impact_technical")


def missing_texts(incident: Incident) -> list[str]:
    """Which of the three are missing, in words."""
    texts = {
        "impact": "".join(getattr(incident, name) for name in IMPACT),
        "cause": incident.cause,
        "resolution": incident.resolution,
    }
    return [name for name, text in texts.items() if not text.strip()]


def is_documented() -> Q:
    """The same as a filter."""
    has_impact = ~Q(users_affected="") | ~Q(impact_business="") | ~Q(impact_technical="")
    return has_impact & ~Q(cause="") & ~Q(resolution="")


@dataclass(frozen=True, slots=True)
class DocumentedShare:
    """Of `total` incidents that are over, `documented` say impact, cause and resolution."""

    documented: int
    total: int

    @property
    def share(self) -> float | None:
        return self.documented / self.total if self.total else None


def documented_share(actor: Actor, platform_id: int | None, since: datetime) -> DocumentedShare:
    """Of the incidents resolved since then that the reader may know of; merged ones stand in the other's record."""
    rows = Incident.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.exclude(state=StateChoice.OPEN).filter(resolved_at__gte=since, merged_into__isnull=True)
    found = rows.aggregate(total=Count("pk"), documented=Count("pk", filter=is_documented()))
    return DocumentedShare(found["documented"], found["total"])
