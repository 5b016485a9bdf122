"""Declaring an incident."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms
from django.forms.models import ModelChoiceIterator

from incidents.choices import (
    DetectionSource,
    IncidentType,
)
from incidents.forms.base import AREA, MomentField
from opsportal.core.forms import CleanForm
from opsportal.platforms.models import Service, Severity


def _platform_of(row: Service | Severity) -> str:
    return row.platform.name if isinstance(row, Service) else row.scheme.platform.name


class _ByPlatform(ModelChoiceIterator):  # type: ignore[type-arg] # Django's class takes no argument when it runs
    """The empty choice, then each platform's rows under its name; the rows come in that order."""

    def __iter__(self) -> Iterator[Any]:
        yield ("", self.field.empty_label)
        for name, rows in groupby(self.queryset, key=_platform_of):
            yield (name, [self.choice(row) for row in rows])


class PlatformChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg] # as above
    """One row of several platforms, grouped by them."""

    iterator = _ByPlatform


class DeclareForm(CleanForm):
    """Two interactions: what is wrong, and where. The rest has a default and can be changed after."""

    service = PlatformChoiceField(Service.objects.none(), empty_label="Choose")
    title = forms.CharField(max_length=200, label="What is wrong?")
    severity = PlatformChoiceField(Severity.objects.none(), required=False, empty_label="Let the portal choose")
    type = forms.ChoiceField(choices=IncidentType.choices, required=False, initial=IncidentType.DEGRADATION)
    detection_source = forms.ChoiceField(
        choices=DetectionSource.choices, required=False, initial=DetectionSource.TEAM_OBSERVATION, label="Found by"
    )
    summary = forms.CharField(required=False, widget=AREA, max_length=4000)
    impact_started_at = MomentField(required=False, label="Impact began")
    take_command = forms.BooleanField(required=False, initial=True, label="Take command")

    def __init__(self, *args: Any, platform_ids: frozenset[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(platform_id__in=platform_ids).select_related("platform")
        self.fields["service"].queryset = services.order_by("platform__name", "name", "pk")  # type: ignore[attr-defined]
        self.fields["service"].label_from_instance = lambda row: f"{row.platform.name}: {row.name}"  # type: ignore[attr-defined]
        rated = Severity.objects.filter(scheme__platform_id__in=platform_ids).of_incidents()
        self.fields["severity"].queryset = (  # type: ignore[attr-defined]
            rated.select_related("scheme__platform").order_by("scheme__platform__name", "rank", "pk")
        )
        self.fields["severity"].label_from_instance = (  # type: ignore[attr-defined]
            lambda row: f"{row.scheme.platform.name}: {row.label} {row.name}"
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        service, severity = data.get("service"), data.get("severity")
        if service and severity and severity.scheme.platform_id != service.platform_id:
            self.add_error("severity", f"This severity is not {service.platform.name}'s.")
        return data
