"""What the views of the incidents API share."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.exceptions import ValidationError

from incidents import selectors
from incidents.models import Incident
from incidents.services.declare import Declaration
from opsportal.core.actor import Actor
from opsportal.core.api import ApiView
from opsportal.core.gate import authorize
from opsportal.platforms.models import Membership, Platform, Service, Severity

VIEW: Final = "incidents.incident_view"


class IncidentApiView(ApiView):
    """Loads the incident of the address, as far as the caller may know it."""

    def load(self, number: int, action: str) -> Incident:
        incident = selectors.incident_by_number(self.actor, number)
        authorize(self.actor, action, incident)
        return incident


def severity_labelled(platform: Platform, label: str) -> Severity:
    """The platform's severity of that label, of the incident scheme where both have it. Raises ValidationError."""
    known = Severity.objects.filter(scheme__platform=platform, label=label)
    severity: Severity | None = known.select_related("scheme").order_by("-scheme__kind", "pk").first()
    if severity is None:
        raise ValidationError({"severity": [f"{platform.key} has no such severity."]})
    return severity


def member_addressed(platform: Platform, email: str, field: str) -> int:
    """The active member of that address. Raises ValidationError that names `field`."""
    rows = Membership.objects.filter(platform=platform, user__is_active=True, user__email__iexact=email)
    found = rows.values_list("user_id", flat=True).first()
    if found is None:
        raise ValidationError({field: [f"{email} is no active member of {platform.key}."]})
    return int(found)


def declaration_of(by: Actor, data: Mapping[str, Any], *, key: str | None = None) -> Declaration:
    """What IncidentDeclareSerializer took, with its keys and labels looked up, if `by` may declare there.

    Raises ValidationError that names the field, DeniedError.
    """
    platform = Platform.objects.visible_to(by).filter(key=data["platform"]).first()
    if platform is None:
        raise ValidationError({"platform": ["There is no such platform."]})
    authorize(by, "incidents.incident_declare", platform)
    service = None
    if data.get("service"):
        service = Service.objects.filter(platform=platform, key=data["service"]).first()
        if service is None:
            raise ValidationError({"service": [f"{platform.key} has no such service."]})
    return Declaration(
        platform_id=platform.pk,
        title=data["title"],
        service=service,
        severity=severity_labelled(platform, data["severity"]) if data.get("severity") else None,
        type=data["type"],
        detection_source=data["detection_source"],
        summary=data["summary"],
        impact_started_at=data["impact_started_at"],
        take_command=data["take_command"],
        declare_key=key,
        external_source=data["external_source"],
        external_id=data["external_id"],
    )
