"""Which run of a runbook belongs to which incident."""

from django.db import models

from incidents.models.incident import Incident
from incidents.querysets import IncidentPartQuerySet
from opsportal.core.models import AppendOnlyModel
from opsportal.knowledge.models import RunbookRun


class IncidentRunbookRun(AppendOnlyModel):
    """A run carried out for an incident; as visible as the incident is."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="runbook_runs")
    run = models.OneToOneField(RunbookRun, on_delete=models.PROTECT, related_name="incident_link")

    objects = IncidentPartQuerySet.as_manager()
