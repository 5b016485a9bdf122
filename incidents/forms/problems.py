"""Problem records."""

from collections.abc import Iterable
from typing import Any

from django import forms

from incidents.forms.base import AREA
from incidents.models.problem import ProblemPriority, ProblemState
from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.platforms.models import Platform


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
