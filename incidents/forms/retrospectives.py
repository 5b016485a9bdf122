"""Documents that come again: their first, their text, their end."""

from collections.abc import Iterable
from typing import Any

from django import forms

from incidents.choices import (
    LookBack,
)
from incidents.forms.base import AREA
from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.platforms.models import Platform


class LookBackForm(CleanForm):
    """The first of a series."""

    platform = forms.ModelChoiceField(Platform.objects.none(), empty_label=None)
    kind = forms.ChoiceField(choices=LookBack.choices)
    starts_on = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, platform_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Platform.objects.filter(pk__in=platform_ids).order_by("name", "pk")
        self.fields["platform"].queryset = rows  # type: ignore[attr-defined]


class RetrospectiveForm(VersionedForm):
    well = forms.CharField(required=False, widget=AREA, max_length=20_000, label="Went well")
    improve = forms.CharField(required=False, widget=AREA, max_length=20_000, label="To improve")
    actions = forms.CharField(required=False, widget=AREA, max_length=20_000, label="What follows")


class CloseForm(VersionedForm):
    is_last = forms.BooleanField(required=False, label="The last of its series")
