"""What people write about decisions, runbooks and their runs, parsed."""

from typing import Any, Final

from django import forms
from django.utils.text import slugify

from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.knowledge.models import Decision, DecisionStatus, StepOutcome
from opsportal.knowledge.models.runbooks import TRIGGERS
from opsportal.knowledge.services.decisions import REPLACEABLE
from opsportal.knowledge.services.runbooks import RunbookDraft
from opsportal.knowledge.services.runs import MAX_OUTPUT, MAX_REASON
from opsportal.platforms.models import Platform

MAX_TEXT: Final = 20_000
MAX_BODY: Final = 60_000
MAX_TRIGGERS: Final = 30
STATUSES: Final = (DecisionStatus.PROPOSED, DecisionStatus.ACCEPTED, DecisionStatus.REJECTED)
TEMPLATE: Final = """\
## Symptoms
What one sees, and which alarm says so.

## Steps
### Look at the state of the service
```check
check: service.healthy
```

### What is it?
```decision
- A deployment within the last hour: roll-back
- Something else: find-the-cause
```

### Roll back
Name the exact command.
```bash
kubectl rollout undo deployment/NAME -n production
```
Then: verification

### Find the cause
Say where to look first.

## Verification
### The service answers as before
```check
check: service.healthy
```
"""


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


class DecisionChangeForm(DecisionForm, VersionedForm):
    """A change of one that is still proposed."""


class WordsField(forms.CharField):
    """A list of keys, separated by commas or spaces."""

    def to_python(self, value: Any) -> Any:
        words = (super().to_python(value) or "").replace(",", " ").split()
        return list(dict.fromkeys(word[:80] for word in words))[:MAX_TRIGGERS]


class RunbookForm(CleanForm):
    """A runbook's text and what stands above it."""

    title = forms.CharField(max_length=160)
    summary = forms.CharField(max_length=300, required=False, help_text="One sentence: when to open it.")
    owner = forms.CharField(max_length=120, required=False, help_text="A person or a team.")
    review_due = forms.DateField(
        required=False, label="Review due", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    alarms = WordsField(required=False, help_text="Keys of alarm rules, such as api-errors.", max_length=2000)
    services = WordsField(required=False, help_text="Keys of services.", max_length=2000)
    types = WordsField(required=False, help_text="Types of incident: outage, degradation, security …", max_length=500)
    tags = WordsField(required=False, max_length=500)
    body = forms.CharField(
        max_length=MAX_BODY, label="Text", strip=False,
        widget=forms.Textarea(attrs={"rows": 28, "spellcheck": "false", "class": "mono"}),
        help_text="Markdown: “## Section”, “### Step”, commands in fences. The kinds of step stand beside it.",
    )  # fmt: skip
    note = forms.CharField(max_length=300, required=False, label="What changed, and why")

    @property
    def draft(self) -> RunbookDraft:
        """What was written; only of a valid form."""
        data = self.cleaned_data
        triggers = {name: data[name] for name in TRIGGERS if data[name]}
        return RunbookDraft(
            title=data["title"],
            body=data["body"].strip() + "\n",
            summary=data["summary"],
            owner=data["owner"],
            review_due=data["review_due"],
            triggers=triggers,
            note=data["note"],
        )

    @property
    def slug(self) -> str:
        """The address of a new runbook."""
        return slugify(self.cleaned_data["title"])[:80] or "runbook"


class StepForm(VersionedForm):
    """What became of the present step."""

    step = forms.IntegerField(min_value=1, max_value=100)
    outcome = forms.ChoiceField(choices=StepOutcome.choices)
    choice = forms.CharField(max_length=80, required=False)
    note = forms.CharField(max_length=MAX_OUTPUT, required=False)


class EndForm(VersionedForm):
    """The end of a run: why, when it is before the last step; does the runbook need a change?"""

    reason = forms.CharField(max_length=MAX_REASON, required=False)
    needs_change = forms.ChoiceField(choices=[("no", "No"), ("yes", "Yes")], required=False)
    wanted_change = forms.CharField(max_length=2000, required=False)
