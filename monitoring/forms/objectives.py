"""Parsing of what people post about objectives: versions, exclusions, the budget's policy."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils import timezone

from monitoring.models import SloVersion, WindowKind
from monitoring.services.exclusions import LONGEST
from monitoring.slo.indicator import IndicatorError, slo_terms
from opsportal.core.forms import CleanForm, VersionedForm


class UtcField(forms.DateTimeField):
    """A time in UTC, whatever the person's own zone: what is counted is counted in UTC slices."""

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(UTC):
            return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        with timezone.override(UTC):
            return super().prepare_value(value)


class ExclusionForm(CleanForm):
    """Time to exclude from adjusted figures, and why."""

    starts_at = UtcField(label="From (UTC)")
    ends_at = UtcField(label="To (UTC)")
    reason = forms.CharField(max_length=240, label="Why")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at and ends_at and not timedelta() < ends_at - starts_at <= LONGEST:
            raise forms.ValidationError("The end lies after the beginning, at most 31 days later.")
        return cleaned


class VoidForm(VersionedForm):
    """Why an exclusion is voided."""

    reason = forms.CharField(max_length=240, label="Why")


class PromiseForm(VersionedForm):
    """A new version of an objective, from an instant on."""

    objective = forms.DecimalField(
        label="Objective, %", max_digits=6, decimal_places=3, min_value=0, max_value=100, help_text="e.g. 99.9"
    )
    window_kind = forms.ChoiceField(label="Budget window", choices=WindowKind.choices)
    window_days = forms.IntegerField(label="Days, where it rolls", min_value=1, max_value=400)
    zone = forms.CharField(label="Zone, where it is a calendar period", max_length=64)
    effective_from = UtcField(label="From (UTC)", help_text="At most 30 days back; time before keeps its objective.")
    indicator = forms.CharField(
        label="What is counted", max_length=8000, widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"})
    )

    def clean_objective(self) -> Any:
        if not 0 < self.cleaned_data["objective"] < 100:
            raise forms.ValidationError("An objective lies between 0 and 100 %, both left out.")
        return self.cleaned_data["objective"]

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone not in available_timezones():
            raise forms.ValidationError("This is no time zone: Europe/Berlin, UTC, …")
        return zone

    def clean_indicator(self) -> Any:
        try:
            found = json.loads(self.cleaned_data["indicator"])
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
        try:
            slo_terms(found if isinstance(found, Mapping) else {})
        except (IndicatorError, TypeError, ValueError, AttributeError) as error:
            raise forms.ValidationError(f"This cannot be counted. {error}") from error
        return found

    @staticmethod
    def initial_of(version: SloVersion | None, *, row_version: int, at: datetime) -> dict[str, Any]:
        """The fields as the newest version has them."""
        if version is None:
            return {"version": row_version, "effective_from": at, "zone": "UTC", "window_days": 30}
        return {
            "version": row_version,
            "objective": version.objective.normalize(),
            "window_kind": version.window_kind,
            "window_days": version.window_days,
            "zone": version.zone,
            "effective_from": at,
            "indicator": json.dumps(version.indicator, indent=2, sort_keys=True),
        }


class BudgetPolicyForm(CleanForm):
    """Shares of the budget, in per cent."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    notice_at = forms.IntegerField(label="Told to the platform's managers at, %", min_value=1, max_value=1000)
    review_at = forms.IntegerField(label="Review due at, %", min_value=2, max_value=1000)
    freeze_at = forms.IntegerField(label="Freeze suggested at, %", min_value=3, max_value=1000)
    review_share = forms.IntegerField(label="One incident's review due over, %", min_value=1, max_value=100)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        steps = [cleaned.get(name) for name in ("notice_at", "review_at", "freeze_at")]
        if None not in steps and sorted(set(steps)) != steps:  # type: ignore[type-var]
            raise forms.ValidationError("The steps rise: notice, then review, then freeze.")
        return cleaned
