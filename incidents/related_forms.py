"""Forms of what belongs to an incident: closing texts, links, problems, users' reports, the queue."""

from collections.abc import Iterable
from typing import Any

from django import forms

from incidents.forms import AREA, ActForm, MomentField
from incidents.models import Incident
from incidents.models.problem import LinkKind, ProblemPriority, ProblemState, ReportChannel, ReportKind
from incidents.selectors import members_of
from incidents.selectors.links import open_problems
from incidents.selectors.named import incident_named
from opsportal.core.actor import Actor
from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.platforms.models import Platform, Service


class ReferenceField(forms.Field):
    """INC-142, or 142."""

    def __init__(self, *, prefix: str = "INC-", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip().upper().removeprefix(self.prefix)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise forms.ValidationError(f"Write a number like {self.prefix}142.")
        return int(text)


class EndForm(ActForm):
    """Closing: what is still missing can be written here at once."""

    users_affected = forms.CharField(
        required=False,
        max_length=120,
        label="Impact: users affected",
        help_text="Figure or range, and where it is from.",
    )
    impact_business = forms.CharField(required=False, widget=AREA, max_length=8000, label="Impact on the business")
    impact_technical = forms.CharField(required=False, widget=AREA, max_length=8000, label="Technical impact")
    cause = forms.CharField(required=False, widget=AREA, max_length=8000)
    resolution = forms.CharField(required=False, widget=AREA, max_length=8000, label="What ended it")
    reviewer_id = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        label="Who writes the review",
        help_text="Of the two worst severities, or where the pack sets a review's time.",
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["reviewer_id"].choices = [("", "The commander"), *members_of(incident.platform_id)]  # type: ignore[attr-defined]

    def values(self, by: Actor) -> dict[str, Any]:
        texts = super().values(by)
        return {"reviewer_id": texts.pop("reviewer_id"), "texts": texts}


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


class ProblemForm(CleanForm):
    """A new problem record."""

    platform = forms.ModelChoiceField(Platform.objects.none(), empty_label=None)
    title = forms.CharField(max_length=200, label="What is the problem?")
    priority = forms.TypedChoiceField(coerce=int, choices=ProblemPriority.choices, initial=ProblemPriority.NORMAL)
    impact = forms.CharField(required=False, widget=AREA, max_length=8000)

    def __init__(self, *args: Any, platform_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Platform.objects.filter(pk__in=platform_ids).order_by("name", "pk")
        self.fields["platform"].queryset = rows  # type: ignore[attr-defined]


class ProblemChangeForm(VersionedForm):
    title = forms.CharField(max_length=200)
    state = forms.ChoiceField(choices=ProblemState.choices)
    priority = forms.TypedChoiceField(coerce=int, choices=ProblemPriority.choices)
    impact = forms.CharField(required=False, widget=AREA, max_length=8000)
    analysis = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 6}), max_length=20_000)
    workaround = forms.CharField(required=False, widget=AREA, max_length=8000, label="Known workaround")


class ReportForm(CleanForm):
    """What somebody told us."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label="Choose")
    text = forms.CharField(widget=AREA, max_length=8000, label="What was reported?")
    kind = forms.ChoiceField(choices=ReportKind.choices, required=False, initial=ReportKind.FAULT)
    reporter = forms.CharField(required=False, max_length=120, label="By whom")
    channel = forms.ChoiceField(choices=ReportChannel.choices, required=False, initial=ReportChannel.OTHER)
    reported_at = MomentField(required=False, label="When", help_text="Empty: now.")

    def __init__(self, *args: Any, platform_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(platform_id__in=platform_ids).select_related("platform")
        self.fields["service"].queryset = services.order_by("platform__name", "name", "pk")  # type: ignore[attr-defined]
        self.fields["service"].label_from_instance = lambda row: f"{row.platform.name}: {row.name}"  # type: ignore[attr-defined]


class ReportAttachForm(VersionedForm):
    number = ReferenceField(label="Incident", help_text="Its number, such as INC-142.")


class ReportAnswerForm(VersionedForm):
    answer = forms.CharField(widget=AREA, max_length=8000, label="What was answered, or why it is no incident")
