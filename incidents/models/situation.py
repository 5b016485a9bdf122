"""What the panel showed when an incident was declared (M-INC-07)."""

from django.db import models

from incidents.models.incident import Incident
from incidents.querysets import IncidentPartQuerySet
from opsportal.core.models import AppendOnlyModel


class DeclaredSituation(AppendOnlyModel):
    """What was known at that moment; never brought up to date. `incidents.selectors.situation` writes and reads it."""

    incident = models.OneToOneField(Incident, on_delete=models.CASCADE, related_name="declared_situation")
    at = models.DateTimeField()
    data = models.JSONField()

    objects = IncidentPartQuerySet.as_manager()
