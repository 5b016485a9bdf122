"""Sections, causes and action items of a review."""

from typing import Any

from django import forms

from incidents.choices import (
    ActionKind,
    ActionPriority,
    ActionState,
    CauseKind,
)
from incidents.forms.base import AREA
from incidents.selectors import members_of
from opsportal.core.forms import CleanForm, VersionedForm


class SectionForm(VersionedForm):
    body = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 8}), max_length=50_000, strip=False)


class CauseForm(CleanForm):
    text = forms.CharField(max_length=400, label="Because")
    kind = forms.ChoiceField(choices=CauseKind.choices, initial=CauseKind.CONTRIBUTING)


class CauseChangeForm(VersionedForm):
    text = forms.CharField(max_length=400, label="Because")
    kind = forms.ChoiceField(choices=CauseKind.choices)


class AnswerForm(VersionedForm):
    note = forms.CharField(required=False, widget=AREA, max_length=2000)


class ActionItemForm(CleanForm):
    title = forms.CharField(max_length=200, label="What is to be done")
    kind = forms.ChoiceField(choices=ActionKind.choices, required=False, initial=ActionKind.PREVENT)
    priority = forms.TypedChoiceField(
        coerce=int, choices=ActionPriority.choices, required=False, empty_value=None, initial=ActionPriority.NORMAL
    )  # fmt: skip
    owner_id = forms.TypedChoiceField(coerce=int, required=False, empty_value=None, label="Owner")
    due_date = forms.DateField(required=False, label="By", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, platform_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner_id"].choices = [("", "Nobody yet"), *members_of(platform_id)]  # type: ignore[attr-defined]


class ActionItemChangeForm(VersionedForm):
    state = forms.ChoiceField(choices=ActionState.choices)
    priority = forms.TypedChoiceField(coerce=int, choices=ActionPriority.choices, required=False, empty_value=None)
    owner_id = forms.TypedChoiceField(coerce=int, required=False, empty_value=None, label="Owner")
    due_date = forms.DateField(required=False, label="By", widget=forms.DateInput(attrs={"type": "date"}))
    evidence = forms.CharField(required=False, widget=AREA, max_length=2000, label="What shows that it is done")

    def __init__(self, *args: Any, platform_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner_id"].choices = [("", "Nobody yet"), *members_of(platform_id)]  # type: ignore[attr-defined]
