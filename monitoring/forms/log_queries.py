"""What people type about questions to the logs."""

from typing import Any

from django import forms

from monitoring.forms.objectives import UtcField
from monitoring.insights.lint import MOST_CHARACTERS, errors_of
from monitoring.services.log_caps import MOST_GB
from monitoring.services.log_queries import MAY_CHANGE, MOST_MINUTES
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.platforms.models import Platform, Service


class LogQueryForm(CleanForm):
    """A saved question. `version` is 0 where it is still to be made, and only then `key` is asked."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    name = forms.CharField(max_length=120)
    key = forms.SlugField(max_length=60, label="Key", help_text="Its short name in the API and in packs.")
    service = forms.ModelChoiceField(
        queryset=Service.objects.none(), help_text="Its log groups are asked: those of its selectors, or of its tasks."
    )
    minutes = forms.IntegerField(min_value=1, max_value=MOST_MINUTES, initial=60, label="Looks back, minutes")
    text = forms.CharField(
        label="Question",
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false"}),
        help_text="In the language of CloudWatch Logs Insights, commands apart by |, comments after #.",
    )
    note = forms.CharField(
        max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="What it is for."
    )
    enabled = forms.BooleanField(required=False, initial=True, label="May be asked")

    def __init__(self, *args: Any, platform: Platform, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service = self.fields["service"]
        assert isinstance(service, forms.ModelChoiceField)
        service.queryset = Service.objects.filter(platform=platform).order_by("name", "pk")
        if not is_new:
            del self.fields["key"]

    def clean_text(self) -> str:
        errors = errors_of(self.cleaned_data["text"])
        if errors:
            raise forms.ValidationError([f"Line {found.line}: {found.text}" for found in errors])
        return str(self.cleaned_data["text"])

    def values(self) -> dict[str, Any]:
        """The columns that were typed."""
        return {name: self.cleaned_data[name] for name in MAY_CHANGE}


class LogAskForm(CleanForm):
    """Which time a question is asked about."""

    minutes = forms.IntegerField(min_value=1, max_value=MOST_MINUTES, label="Minutes back")
    until = UtcField(required=False, label="Until, UTC", help_text="Empty: now.")


class LogCapForm(CleanForm):
    """How much a platform's questions may read in a month; `version` is 0 where the portal's default holds."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    gb_a_month = forms.IntegerField(min_value=0, max_value=MOST_GB, label="GB a month", help_text="0: none is asked.")
