"""What people type about sources of alerts."""

from typing import Any, Final

import orjson
from django import forms

from monitoring.intake.alerts import ParseError, json_of
from monitoring.intake.deployments.parsers import PARSERS
from monitoring.models import SourceKind, Usefulness
from opsportal.core.forms import BIGGEST, CleanForm, VersionedForm
from opsportal.platforms.models import Platform, Service, Severity

MOST_SAMPLE: Final = 20_000


def mapping_text(mapping: Any) -> str:
    """The mapping as a person edits it."""
    return orjson.dumps(mapping, option=orjson.OPT_INDENT_2).decode() if mapping else ""


class MappingField(forms.CharField):
    """JSON as text; what it may hold the service decides."""

    def to_python(self, value: Any) -> Any:
        text = (super().to_python(value) or "").strip()
        if not text:
            return {}
        try:
            return json_of(text.encode())
        except ParseError as error:
            raise forms.ValidationError(str(error)) from error


class LevelField(forms.ModelChoiceField):  # type: ignore[type-arg] # not generic at run time
    """Levels of two schemes may share a label."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.label} ({obj.scheme.name})"


def _mapping_field() -> MappingField:
    return MappingField(
        max_length=20_000,
        required=False,
        label="Mapping",
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
        help_text="JSON: fields say where a generic message holds what, rules what an alert means here.",
    )


class SourceForm(CleanForm):
    """What a source's alerts mean on its platform."""

    name = forms.CharField(max_length=80, help_text="Who sends, so that you know it again.")
    service = forms.ModelChoiceField(
        queryset=Service.objects.none(), required=False, help_text="Of alerts and deployments that name none."
    )
    severity = LevelField(
        queryset=Severity.objects.none(), required=False, label="Level", help_text="Of alerts whose word nobody knows."
    )
    opens_incident = forms.BooleanField(
        required=False, label="Opens incidents", help_text="Unless a rule of the mapping says otherwise."
    )
    takes_raw = forms.BooleanField(
        required=False, label="SNS raw delivery", help_text="Unsigned: the link alone is its proof."
    )

    def __init__(self, *args: Any, platform: Platform, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services, severity = self.fields["service"], self.fields["severity"]
        assert isinstance(services, forms.ModelChoiceField)
        assert isinstance(severity, forms.ModelChoiceField)
        services.queryset = Service.objects.filter(platform=platform).order_by("name", "pk")
        levels = Severity.objects.filter(scheme__platform=platform).select_related("scheme")
        severity.queryset = levels.order_by("scheme__kind", "rank", "pk")
        if kind and kind != SourceKind.SNS:
            del self.fields["takes_raw"]
        if kind in PARSERS:  # of deployments: they have a service, and neither a level nor an incident
            for name in ("severity", "opens_incident", "mapping"):
                self.fields.pop(name, None)


class SourceNewForm(SourceForm):
    kind = forms.ChoiceField(choices=SourceKind.choices)
    field_order = ("kind", "name")


class SourceChangeForm(SourceForm, VersionedForm):
    """A change of one that is there."""

    enabled = forms.BooleanField(required=False, label="Switched on", help_text="Paused, it is kept and not judged.")
    mapping = _mapping_field()


class PreviewForm(CleanForm):
    """A mapping and a message to try it on; neither is kept."""

    mapping = _mapping_field()
    sample = forms.CharField(
        max_length=MOST_SAMPLE,
        label="Message to try it on",
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
        strip=False,
    )


class RatingForm(CleanForm):
    """How useful one firing was."""

    transition = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    word = forms.ChoiceField(choices=Usefulness.choices)


class EndForm(VersionedForm):
    reason = forms.CharField(max_length=240, required=False, label="How it ended")


class TopicForm(VersionedForm):
    decision = forms.ChoiceField(choices=[("allow", "allow"), ("refuse", "refuse")])
    topic = forms.IntegerField(min_value=1, max_value=BIGGEST)
