"""A clock's rule as an admin types it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from incidents.choices import DueRuleChoice
from incidents.services.clock_rules import FIELDS, LONGEST
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.platforms.models import BusinessCalendar


class ClockRuleForm(CleanForm):
    """`version` 0 stands for a rule that there is none of yet."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    due_rule = forms.ChoiceField(label="Due", choices=DueRuleChoice.choices)
    minutes = forms.IntegerField(
        label="Minutes", required=False, min_value=1, max_value=LONGEST,
        help_text="empty: no number; with no words below either, no such clock runs",
    )  # fmt: skip
    calendar = forms.ModelChoiceField(
        label="Hours", queryset=BusinessCalendar.objects.none(), required=False, empty_label="around the clock"
    )
    due_on = forms.DateField(
        label="Sprint ends", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="for “next sprint” only",
    )  # fmt: skip
    warn_percent = forms.IntegerField(
        label="Warns after, % of the time", required=False, min_value=1, max_value=99,
        help_text="empty: the portal's default, 80 %",
    )  # fmt: skip
    may_pause = forms.BooleanField(label="May be paused", required=False)
    text = forms.CharField(
        label="The guide's words", required=False, max_length=160, help_text="shown where there is no number"
    )
    note = forms.CharField(
        label="Why", max_length=1000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="kept with the rule and shown beside it",
    )  # fmt: skip

    def __init__(self, data: QueryDict | None = None, *, platform_id: int, initial: Mapping[str, Any]) -> None:
        share = initial.get("warn_share")
        percent = round(share * 100) if share is not None else None
        super().__init__(data, initial={"may_pause": True, **initial, "warn_percent": percent})
        calendars = BusinessCalendar.objects.filter(platform_id=platform_id).order_by("name", "pk")
        self.fields["calendar"].queryset = calendars  # type: ignore[attr-defined]
        self.fields["calendar"].label_from_instance = lambda row: row.name  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """As the service takes them; of a valid form."""
        data = self.cleaned_data
        percent = data["warn_percent"]
        share = percent / 100 if percent is not None else None
        return {name: share if name == "warn_share" else data[name] for name in FIELDS}
