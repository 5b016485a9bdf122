"""What makes an incident documented (M-INC-09): impact, cause and resolution in words."""

from typing import Final

from django.db.models import Q

from incidents.models import Incident

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
