"""What people write about a decision, parsed."""

from typing import Any, Final

from django import forms

from opsportal.core.forms import CleanForm
from opsportal.knowledge.models import Decision, DecisionStatus
from opsportal.knowledge.services import REPLACEABLE
from opsportal.platforms.models import Platform

MAX_TEXT: Final = 20_000
STATUSES: Final = (DecisionStatus.PROPOSED, DecisionStatus.ACCEPTED, DecisionStatus.REJECTED)


def _section(label: str, hint: str = "", *, required: bool = False, rows: int = 4) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(required=required, widget=area, max_length=MAX_TEXT, label=label, help_text=hint)


class DecisionForm(CleanForm):
    """A decision of `platform`."""

    title = forms.CharField(max_length=160)
    status = forms.ChoiceField(choices=[(status.value, status.label) for status in STATUSES])
    supersedes = forms.ModelChoiceField(
        Decision.objects.none(), required=False, empty_label="none", help_text="It is superseded once this is accepted."
    )
    context = _section("Context", "What made a decision necessary. Markdown.", required=True)
    decision = _section("Decision", "What is done, in one or two sentences first.", required=True)
    consequences = _section("Consequences", "A line each: “- Good, because …”, “- Bad, because …”.")
    alternatives = _section("Alternatives", "What else was weighed, and why it was not taken.", rows=3)
    implementation = _section("Implementation", rows=3)

    def __init__(self, *args: Any, platform: Platform, present: Decision | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Decision.objects.filter(platform=platform, status__in=REPLACEABLE).order_by("-number", "-pk")
        self.fields["supersedes"].queryset = rows.exclude(pk=present.pk) if present else rows  # type: ignore[attr-defined]
