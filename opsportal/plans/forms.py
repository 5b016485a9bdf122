"""What a decision on a plan carries."""

from typing import Any

from django import forms

from opsportal.core.forms import CleanCharField, CleanForm
from opsportal.plans.models import Approval


class SeenForm(CleanForm):
    """What was on the screen, by version and hash, and why."""

    version = forms.IntegerField(min_value=1, max_value=2_147_483_647)
    content_hash = forms.RegexField(r"^[0-9a-f]{64}$")
    reason = CleanCharField(max_length=400)


class DecisionForm(SeenForm):
    """The verdict, bound to the version and the hash that were on the screen."""

    verdict = forms.ChoiceField(choices=Approval.Verdict.choices)
    reason = CleanCharField(max_length=400, required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("verdict") == Approval.Verdict.REJECTED and not values.get("reason"):
            self.add_error("reason", "Say why.")
        return values
