"""What is done to one incident."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import QueryDict

from incidents.choices import (
    DONE_BY_HAND,
    TRIAGE_ANSWERS,
    UNPAUSABLE,
    Audience,
    ClockKind,
    DetectionSource,
    IncidentRole,
    IncidentType,
    StageChoice,
    UpdateState,
)
from incidents.forms.base import AREA, ActForm, MomentField
from incidents.lifecycle import WORKING
from incidents.models import Incident
from incidents.selectors import members_of
from incidents.types import questions
from opsportal.core.actor import Actor
from opsportal.core.conflicts import Difference
from opsportal.core.models import VersionedModel
from opsportal.platforms.models import Service, Severity


class NoteForm(ActForm):
    note = forms.CharField(required=False, widget=AREA, max_length=4000)


class SeverityForm(ActForm):
    severity = forms.ModelChoiceField(Severity.objects.none(), empty_label=None)
    why = forms.CharField(required=False, max_length=400, label="Why")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        rows = Severity.objects.of_platform(incident.platform_id).of_incidents()
        self.fields["severity"].queryset = rows  # type: ignore[attr-defined]
        self.fields["severity"].label_from_instance = lambda row: f"{row.label} {row.name}".strip()  # type: ignore[attr-defined]


class RoleForm(ActForm):
    role = forms.ChoiceField(choices=IncidentRole.choices)
    user_id = forms.TypedChoiceField(coerce=int, label="Person")
    note = forms.CharField(required=False, max_length=400, label="Hand-over note")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["user_id"].choices = members_of(incident.platform_id)  # type: ignore[attr-defined]


class StageForm(ActForm):
    stage = forms.ChoiceField(choices=[(stage.value, StageChoice(stage).label) for stage in WORKING])


class UpdateForm(ActForm):
    state = forms.ChoiceField(choices=UpdateState.choices)
    audience = forms.ChoiceField(choices=Audience.choices)
    body = forms.CharField(widget=AREA, max_length=4000, label="What people should know")


class MitigateForm(NoteForm):
    mitigated_at = MomentField(required=False, label="Mitigated at", help_text="Empty: now.")


class ResolveForm(ActForm):
    resolution = forms.CharField(required=False, widget=AREA, max_length=4000, label="What ended it")
    resolved_at = MomentField(required=False, label="Resolved at", help_text="Empty: now.")


class ReopenForm(ActForm):
    why = forms.CharField(max_length=400, label="Why")


class EndForm(ActForm):
    """Closing: what is still missing can be written here at once."""

    users_affected = forms.CharField(
        required=False,
        max_length=120,
        label="Impact: users affected",
        help_text="Figure or range, and where it is from.",
    )
    impact_business = forms.CharField(required=False, widget=AREA, max_length=8000, label="Impact on the business")
    impact_technical = forms.CharField(required=False, widget=AREA, max_length=8000, label="Technical impact")
    cause = forms.CharField(required=False, widget=AREA, max_length=8000)
    resolution = forms.CharField(required=False, widget=AREA, max_length=8000, label="What ended it")
    reviewer_id = forms.TypedChoiceField(
        coerce=int,
        required=False,
        empty_value=None,
        label="Who writes the review",
        help_text="Of the two worst severities, or where the pack sets a review's time.",
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["reviewer_id"].choices = [  # type: ignore[attr-defined]
            ("", "The commander"),
            *members_of(incident.platform_id, "incidents.review_edit"),
        ]

    def values(self, by: Actor) -> dict[str, Any]:
        texts = super().values(by)
        return {"reviewer_id": texts.pop("reviewer_id"), "texts": texts}


class TriageForm(ActForm):
    """The five questions, and what else the incident's type must answer.

    It keeps what it showed: two people who answer different questions, or write the record meanwhile, do not collide.
    """

    seen = forms.JSONField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.questions = questions(incident.type)
        for key, text in ((question.key, question.text) for question in self.questions):
            self.fields[key] = forms.ChoiceField(
                choices=[("", "Not asked"), *TRIAGE_ANSWERS], required=False, label=text
            )
            self.fields[f"{key}_note"] = forms.CharField(required=False, max_length=200, label=f"{text}: note")

    def values(self, by: Actor) -> dict[str, Any]:
        del by
        return {"answers": self._given()}

    def _given(self) -> dict[str, dict[str, str]]:
        """What differs from what was shown; everything, where nothing does or nobody knows what that was."""
        data, seen = self.cleaned_data, self._seen()
        given = {
            question.key: {"answer": data[question.key], "note": data[f"{question.key}_note"]}
            for question in self.questions
            if data[question.key]
        }
        return {key: mine for key, mine in given.items() if mine != seen.get(key)} or given

    def _seen(self) -> dict[str, Any]:
        seen = self.cleaned_data.get("seen")
        return seen if isinstance(seen, dict) else {}

    def is_clear_of(self, current: Incident) -> bool:
        return isinstance(self.cleaned_data.get("seen"), dict) and not self._collisions(current)

    def _collisions(self, current: Incident) -> list[str]:
        """The questions that somebody answered otherwise since this form was shown."""
        told, seen, given = current.triage, self._seen(), self._given()
        return [key for key in given if key in told and told[key] not in (given[key], seen.get(key))]

    def reads_also(self, name: str) -> bool:
        return name in self.fields

    def differs_also(self, row: VersionedModel, posted: QueryDict) -> Sequence[Difference]:
        del posted
        if not isinstance(row, Incident):
            return []
        mine, words = self._given(), dict(TRIAGE_ANSWERS)

        def said(given: Mapping[str, str]) -> str:
            return ", ".join(filter(None, (words[given["answer"]], given["note"])))

        texts = {question.key: question.text for question in self.questions}
        return [Difference(key, texts[key], said(row.triage[key]), said(mine[key])) for key in self._collisions(row)]


class DescribeForm(ActForm):
    title = forms.CharField(max_length=200)
    type = forms.ChoiceField(choices=IncidentType.choices, required=False)
    service = forms.ModelChoiceField(Service.objects.none(), required=False, empty_label="Not named")
    detection_source = forms.ChoiceField(choices=DetectionSource.choices, required=False, label="Found by")
    summary = forms.CharField(required=False, widget=AREA, max_length=4000)
    users_affected = forms.CharField(required=False, max_length=120, help_text="Figure or range, and where it is from.")
    impact_business = forms.CharField(required=False, widget=AREA, max_length=8000, label="Business impact")
    impact_technical = forms.CharField(required=False, widget=AREA, max_length=8000, label="Technical impact")
    cause = forms.CharField(required=False, widget=AREA, max_length=8000)
    resolution = forms.CharField(required=False, widget=AREA, max_length=8000)
    impact_started_at = MomentField(required=False, label="Impact began")
    detected_at = MomentField(required=False, label="Detected")
    declared_at = MomentField(required=False, label="Declared")
    acknowledged_at = MomentField(required=False, label="Acknowledged")
    mitigated_at = MomentField(required=False, label="Mitigated")
    resolved_at = MomentField(required=False, label="Resolved")
    closed_at = MomentField(required=False, label="Closed")
    why = forms.CharField(required=False, max_length=400, label="Why a time is corrected")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        rows = Service.objects.filter(platform_id=incident.platform_id).order_by("name", "pk")
        self.fields["service"].queryset = rows  # type: ignore[attr-defined]

    def values(self, by: Actor) -> dict[str, Any]:
        changes = super().values(by)
        why = changes.pop("why")
        # A stored time is shown to the minute: sent back as it was shown, it is no correction.
        same = [name for name, value in changes.items() if _is_same_minute(value, getattr(self.incident, name))]
        return {"changes": {name: changes[name] for name in changes if name not in same}, "why": why}


def _is_same_minute(typed: object, stored: object) -> bool:
    return isinstance(stored, datetime) and typed == stored.replace(second=0, microsecond=0)


class RestrictForm(ActForm):
    is_restricted = forms.BooleanField(required=False, label="Known only to those named, and auditors")
    user_ids = forms.TypedMultipleChoiceField(
        coerce=int, required=False, label="Named", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, incident=incident, **kwargs)
        self.fields["user_ids"].choices = members_of(incident.platform_id)  # type: ignore[attr-defined]


class ClockPauseForm(ActForm):
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in ClockKind if kind not in UNPAUSABLE], label="Clock"
    )
    why = forms.CharField(max_length=200, label="Why", help_text="What you wait for: a vendor, a window, a person.")


class ClockResumeForm(ActForm):
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in ClockKind if kind not in UNPAUSABLE], label="Clock"
    )


class ClockDoneForm(ActForm):
    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in DONE_BY_HAND], label="Done")
    note = forms.CharField(required=False, max_length=200, help_text="Whom, how, under which number.")
