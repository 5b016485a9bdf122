"""How many of the incidents that are over are documented (M-INC-09)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from incidents.choices import StateChoice
from incidents.documented import is_documented
from incidents.models import Incident
from opsportal.core.actor import Actor


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
