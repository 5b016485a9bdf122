"""What people type about heartbeats of jobs."""

from typing import Any

from django import forms

from monitoring.models import Heartbeat
from monitoring.services.heartbeats import LONGEST, MAY_CHANGE, SHORTEST
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.platforms.models import Platform, Service, Severity


class HeartbeatForm(CleanForm):
    """A heartbeat of one platform. `version` is 0 where it is still to be made, and only then `key` is asked."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    name = forms.CharField(max_length=120, help_text="The job, as people call it: Nightly dump.")
    key = forms.SlugField(max_length=50, help_text="Names it in the API and in its alarm's signal.")
    service = forms.ModelChoiceField(queryset=Service.objects.none(), required=False)
    cron = forms.CharField(
        max_length=120, required=False, label="Runs at", help_text="Cron text: 0 2 * * * is every night at two."
    )
    zone = forms.CharField(max_length=60, label="Zone", help_text="In which its clock is read: Europe/Berlin.")
    every_seconds = forms.IntegerField(
        min_value=SHORTEST,
        max_value=LONGEST,
        required=False,
        label="Or every, seconds",
        help_text="Counted from its last beat.",
    )
    grace_seconds = forms.IntegerField(
        min_value=0, max_value=LONGEST, initial=300, label="Grace, seconds", help_text="Its usual length and a little."
    )
    longest_seconds = forms.IntegerField(
        min_value=0, max_value=LONGEST, initial=0, label="Longest run, seconds",
        help_text="Of a job that says when it begins; 0: any.",
    )  # fmt: skip
    severity = forms.ModelChoiceField(queryset=Severity.objects.none(), required=False, label="Level")
    opens_incident = forms.BooleanField(required=False, label="Opens an incident")
    enabled = forms.BooleanField(required=False, initial=True, label="Is expected")
    paused_reason = forms.CharField(max_length=240, required=False, label="Paused because")

    def __init__(self, *args: Any, platform: Platform, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, Any] = {
            "service": Service.objects.filter(platform=platform).order_by("name", "pk"),
            "severity": Severity.objects.filter(scheme__platform=platform, scheme__kind="alert").order_by("rank", "pk"),
        }
        for name, rows in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows
        if is_new:
            del self.fields["enabled"], self.fields["paused_reason"]
        else:
            del self.fields["key"]

    def values(self) -> dict[str, Any]:
        """The columns that were typed."""
        typed = {name: self.cleaned_data[name] for name in MAY_CHANGE if name in self.fields}
        return typed | {"every_seconds": typed["every_seconds"] or 0}


def initial_of(row: Heartbeat) -> dict[str, Any]:
    """A heartbeat as its form shows it."""
    return {name: getattr(row, name) for name in (*MAY_CHANGE, "version")} | {
        "every_seconds": row.every_seconds or None
    }
