"""Parsing of what people post about reports."""

from typing import Any

from django import forms

from opsportal.core.forms import CleanForm
from opsportal.platforms.models import Platform
from opsportal.reports.models import Cadence
from opsportal.reports.period.services import MAX_TEXT


class CommentaryForm(CleanForm):
    """A new version of the commentary; `number` is the version it was based on, 0 for none."""

    number = forms.IntegerField(min_value=0, max_value=1_000_000, widget=forms.HiddenInput)
    text = forms.CharField(
        label="Commentary", max_length=MAX_TEXT, help_text="Markdown", widget=forms.Textarea(attrs={"rows": 8})
    )


class SubscriptionForm(CleanForm):
    """Which member gets the report how often."""

    user = forms.TypedChoiceField(label="Member", coerce=int)
    cadence = forms.ChoiceField(label="How often", choices=Cadence.choices)

    def __init__(self, *args: Any, platform: Platform, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = platform.memberships.filter(user__is_active=True).order_by("user__name", "user_id")
        self.fields["user"].choices = list(members.values_list("user_id", "user__name"))  # type: ignore[attr-defined]
