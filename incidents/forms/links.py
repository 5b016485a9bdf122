"""What ties an incident to others, to a problem, to planned work."""

from typing import Any

from django import forms

from incidents.forms.base import ActForm, ReferenceField
from incidents.models import Incident
from incidents.models.problem import LinkKind
from incidents.selectors.links import open_problems
from incidents.selectors.named import incident_named
from opsportal.core.actor import Actor


class MergeForm(ActForm):
    target = ReferenceField(label="Merge into", help_text="The number of the incident that goes on, such as INC-142.")
    note = forms.CharField(required=False, max_length=400, label="Why they are one")

    def values(self, by: Actor) -> dict[str, Any]:
        data = super().values(by)
        return data | {"target": incident_named(by, data["target"], "incidents.incident_merge", "target")}


class LinkForm(ActForm):
    kind = forms.ChoiceField(choices=LinkKind.choices, label="This incident is")
    other = ReferenceField(label="Incident", help_text="Its number, such as INC-142.")
    note = forms.CharField(required=False, max_length=200)

    def values(self, by: Actor) -> dict[str, Any]:
        data = super().values(by)
        return data | {"other": incident_named(by, data["other"], "incidents.incident_view", "other")}


class PlanForm(ActForm):
    planned_for = forms.CharField(
        required=False, max_length=120, label="Sprint", help_text="Empty: it goes back into the queue."
    )
    planned_url = forms.CharField(required=False, max_length=400, label="Link to the ticket")


class ProblemLinkForm(ActForm):
    """One that is known already, or a new one."""

    problem = forms.TypedChoiceField(coerce=int, required=False, empty_value=None, label="Known problem")
    title = forms.CharField(required=False, max_length=200, label="Or a new one: what is the problem?")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["problem"].choices = [("", "None of them"), *open_problems(incident.platform_id)]  # type: ignore[attr-defined]
