"""What people type about webhooks."""

from typing import Any

from django import forms

from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.notifications.webhooks import events


class WebhookForm(CleanForm):
    """Where to and what; also for a change of an existing one."""

    name = forms.CharField(max_length=80, help_text="Who listens there, so that you know it again.")
    url = forms.CharField(max_length=500, label="Address", help_text="https://…, reachable from the portal.")
    events = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label="Tell it when")
    is_active = forms.BooleanField(required=False, initial=True, label="Switched on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["events"].choices = list(events().items())  # type: ignore[attr-defined]


class WebhookChangeForm(WebhookForm, VersionedForm):
    """A change of one that is there."""
