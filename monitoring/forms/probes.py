"""What people type about the portal's own probes."""

from typing import Any

from django import forms

from monitoring.models import ProbeEvery, ProbeKind, TargetDatabase
from monitoring.services.probes import MAY_CHANGE
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.platforms.models import Platform, Service, Severity


class ProbeForm(CleanForm):
    """A probe of one platform. `version` is 0 where it is still to be made, and only then `key` is asked."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    key = forms.SlugField(max_length=60, label="Key", help_text="Names its series: Opsportal/Probe, Probe = this key.")
    name = forms.CharField(max_length=120)
    service = forms.ModelChoiceField(queryset=Service.objects.none(), required=False)
    kind = forms.ChoiceField(choices=ProbeKind.choices, label="Asks by")
    address = forms.CharField(
        max_length=500, required=False, help_text="HTTP: https://shop.example.com/health. TCP and TLS: host:port."
    )
    database = forms.ModelChoiceField(
        queryset=TargetDatabase.objects.none(), required=False, help_text="Of kind Database: select 1 as its reader."
    )
    every = forms.TypedChoiceField(choices=ProbeEvery.choices, coerce=int, initial=ProbeEvery.THIRTY)
    seconds = forms.IntegerField(min_value=1, max_value=10, initial=5, label="Time limit, seconds")
    statuses = forms.CharField(max_length=60, initial="200-299", label="HTTP statuses that are fine")
    body_text = forms.CharField(
        max_length=200, required=False, label="Text in the answer", help_text="HTTP only; the first 64 KB are read."
    )
    cert_days = forms.IntegerField(
        min_value=0,
        max_value=3650,
        initial=0,
        label="Certificate lasts, days",
        help_text="0: its end is recorded only.",
    )
    datapoints = forms.IntegerField(min_value=1, max_value=20, initial=2, label="Failures that mean down")
    window = forms.IntegerField(min_value=1, max_value=20, initial=3, label="Of the last answers")
    severity = forms.ModelChoiceField(queryset=Severity.objects.none(), required=False, label="Level")
    opens_incident = forms.BooleanField(required=False, label="Opens an incident")
    enabled = forms.BooleanField(required=False, initial=True, label="Is asked")

    def __init__(self, *args: Any, platform: Platform, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, Any] = {
            "service": Service.objects.filter(platform=platform).order_by("name", "pk"),
            "database": TargetDatabase.objects.filter(platform=platform).order_by("name", "pk"),
            "severity": Severity.objects.filter(scheme__platform=platform, scheme__kind="alert").order_by("rank", "pk"),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows
        if not is_new:
            del self.fields["key"]

    def values(self) -> dict[str, Any]:
        """The columns that were typed."""
        return {name: self.cleaned_data[name] for name in MAY_CHANGE}
