"""What people type about lines of a timeline."""

from datetime import timedelta
from typing import Any

from django import forms

from incidents.choices import EntryKind
from incidents.forms.base import AREA, IncidentForm, MomentField
from incidents.models import Incident
from incidents.selectors import members_of
from incidents.selectors.beside import EntryFilter, writers_of
from incidents.services.graphs import metrics_read
from opsportal.core.actor import Actor
from opsportal.core.forms import CleanForm, VersionedForm

SPANS = (
    ("5", "5 min"),
    ("15", "15 min"),
    ("30", "30 min"),
    ("60", "1 h"),
    ("120", "2 h"),
    ("480", "8 h"),
    ("1440", "1 d"),
)


class ComposerForm(VersionedForm):
    text = forms.CharField(max_length=10_000, strip=False)
    client_key = forms.CharField(max_length=64, required=False)
    last = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    held = forms.IntegerField(required=False, min_value=0, max_value=86_400 * 7)
    contact = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M:%SZ"])


class CorrectForm(CleanForm):
    body = forms.CharField(widget=AREA, max_length=10_000, label="Corrected text")
    occurred_at = MomentField(required=False, label="It happened at", help_text="Empty: as it stands.")


class LineForm(IncidentForm):
    """One line of text."""

    text: forms.CharField

    def values(self, by: Actor) -> dict[str, Any]:
        del by
        return {"body": self.cleaned_data["text"]}


class DecisionForm(LineForm):
    text = forms.CharField(widget=AREA, max_length=10_000, label="What was decided, and why")


class PinForm(LineForm):
    text = forms.CharField(max_length=2_000, label="What everyone should see above the timeline")


class TaskForm(IncidentForm):
    title = forms.CharField(max_length=200, label="What is to be done")
    owner_id = forms.TypedChoiceField(coerce=int, required=False, empty_value=None, label="Owner")
    minutes = forms.TypedChoiceField(
        coerce=int, choices=[("", "No time"), *SPANS], required=False, empty_value=None, label="Within"
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        people = members_of(incident.platform_id)
        self.fields["owner_id"].choices = [("", "Nobody yet"), *people]  # type: ignore[attr-defined]

    def values(self, by: Actor) -> dict[str, Any]:
        data = super().values(by)
        minutes = data.pop("minutes")
        return data | {"within": timedelta(minutes=minutes) if minutes else None}


class MetricForm(IncidentForm):
    metric = forms.TypedChoiceField(coerce=int, label="Metric")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.metrics = {metric.pk: metric for metric in metrics_read(incident)}
        self.fields["metric"].choices = [  # type: ignore[attr-defined]
            (pk, f"{metric.service.name}: {metric.name}") for pk, metric in self.metrics.items()
        ]

    def values(self, by: Actor) -> dict[str, Any]:
        del by
        return {"metric": self.metrics[self.cleaned_data["metric"]]}


class AttachForm(CleanForm):
    file = forms.FileField(label="File", allow_empty_file=True)


class MarkForm(CleanForm):
    """`on` puts the mark there, its absence takes it off: said twice it stays as it is."""

    on = forms.BooleanField(required=False)
    word = forms.CharField(max_length=41, required=False)


class TaskActForm(VersionedForm):
    act = forms.ChoiceField(choices=[("done", "Done"), ("reopen", "Not done"), ("take", "Take")])


class FilterForm(CleanForm):
    """The filter of a timeline, from its address; what makes no sense narrows nothing."""

    kind = forms.ChoiceField(choices=[("", "Any kind"), *EntryKind.choices], required=False)
    by = forms.TypedChoiceField(coerce=int, required=False, empty_value=None, label="Person")
    tag = forms.CharField(max_length=40, required=False)
    q = forms.CharField(max_length=100, required=False, label="Text")
    starred = forms.BooleanField(required=False, label="My stars")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["by"].choices = [("", "Anyone"), *writers_of(incident)]  # type: ignore[attr-defined]

    def asked(self, user_id: int | None) -> EntryFilter:
        """What it narrows to."""
        self.is_valid()
        data = self.cleaned_data
        return EntryFilter(
            kind=data.get("kind") or "",
            author_id=data.get("by"),
            text=data.get("q") or "",
            tag=(data.get("tag") or "").removeprefix("#").casefold(),
            starred_by=user_id if data.get("starred") else None,
        )
