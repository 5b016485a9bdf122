"""What people type, parsed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.choices import (
    DONE_BY_HAND,
    TRIAGE_ANSWERS,
    UNPAUSABLE,
    ActionKind,
    ActionPriority,
    ActionState,
    Audience,
    CauseKind,
    ClockKind,
    DetectionSource,
    IncidentRole,
    IncidentType,
    LookBack,
    StageChoice,
    UpdateState,
)
from incidents.lifecycle import WORKING
from incidents.models import Incident
from incidents.selectors import members_of
from incidents.types import questions
from opsportal.core.actor import Actor
from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.platforms.models import Platform, Service, Severity

AREA = forms.Textarea(attrs={"rows": 3})
FIRST_YEAR = 2000


class MomentField(forms.DateTimeField):
    """A time in the person's zone, by the browser's own picker; empty means now.

    In autumn an hour comes twice: the first one is meant, unless the form showed a stored time of the second.
    `reading` says which was taken, and is empty for any other time.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    input_formats = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
    stored: datetime | None = None
    reading = ""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        stored = form.get_initial_for_field(self, field_name)
        self.stored = stored if isinstance(stored, datetime) else None
        if self.stored is not None and not form.is_bound:
            self.help_text = self._reading(timezone.localtime(self.stored)) or self.help_text
        return super().get_bound_field(form, field_name)

    def to_python(self, value: Any) -> datetime | None:
        try:
            with timezone.override(UTC):  # the digits as they are typed; Django refuses those that a zone has twice
                typed = super().to_python(value)
            if typed is None:
                return None
            has_offset = isinstance(value, str) and getattr(parse_datetime(value.strip()), "tzinfo", None) is not None
            moment = (typed if has_offset else self._local(typed.replace(tzinfo=None))).astimezone(UTC)
        except (OverflowError, ValueError) as error:
            raise forms.ValidationError("This time is out of range.") from error
        if not FIRST_YEAR <= moment.year <= 2100:
            raise forms.ValidationError("This time is out of range.")
        return moment

    def _local(self, typed: datetime) -> datetime:
        zone = timezone.get_current_timezone()
        first, second = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first
        if first.astimezone(UTC) > second.astimezone(UTC):
            raise forms.ValidationError("The clocks went forward over this time: that day does not have it.")
        shown = timezone.localtime(self.stored).replace(second=0, microsecond=0) if self.stored is not None else None
        taken = second if shown is not None and shown.fold and shown.replace(tzinfo=None, fold=0) == typed else first
        self.reading = self._reading(taken)
        return taken

    @staticmethod
    def _reading(local: datetime) -> str:
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return ""
        which, offset = ("the second" if local.fold else "the first"), f"{local:%z}"
        return f"{local:%H:%M} came twice that night; this is {which}, UTC{offset[:3]}:{offset[3:]}."


class DeclareForm(CleanForm):
    """Two interactions: what is wrong, and where. The rest has a default and can be changed after."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label="Choose")
    title = forms.CharField(max_length=200, label="What is wrong?")
    severity = forms.ModelChoiceField(Severity.objects.none(), required=False, empty_label="Let the portal choose")
    type = forms.ChoiceField(choices=IncidentType.choices, required=False, initial=IncidentType.DEGRADATION)
    detection_source = forms.ChoiceField(
        choices=DetectionSource.choices, required=False, initial=DetectionSource.TEAM_OBSERVATION, label="Found by"
    )
    summary = forms.CharField(required=False, widget=AREA, max_length=4000)
    impact_started_at = MomentField(required=False, label="Impact began")
    take_command = forms.BooleanField(required=False, initial=True, label="Take command")

    def __init__(self, *args: Any, platform_ids: frozenset[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(platform_id__in=platform_ids).select_related("platform")
        self.fields["service"].queryset = services.order_by("platform__name", "name", "pk")  # type: ignore[attr-defined]
        self.fields["service"].label_from_instance = lambda row: f"{row.platform.name}: {row.name}"  # type: ignore[attr-defined]
        rated = Severity.objects.filter(scheme__platform_id__in=platform_ids).of_incidents()
        self.fields["severity"].queryset = (  # type: ignore[attr-defined]
            rated.select_related("scheme__platform").order_by("scheme__platform__name", "rank", "pk")
        )
        self.fields["severity"].label_from_instance = (  # type: ignore[attr-defined]
            lambda row: f"{row.scheme.platform.name}: {row.label} {row.name}"
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        service, severity = data.get("service"), data.get("severity")
        if service and severity and severity.scheme.platform_id != service.platform_id:
            self.add_error("severity", f"This severity is not {service.platform.name}'s.")
        return data


class IncidentForm(CleanForm):
    """Something that is done to one incident."""

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.incident = incident

    def values(self, by: Actor) -> dict[str, Any]:
        """What the act's service takes. Raises IncidentError where `by` named what is not here."""
        del by
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class ActForm(IncidentForm, VersionedForm):
    """An act that changes the incident, so it says which version the person looked at."""


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


class TriageForm(ActForm):
    """The five questions, and what else the incident's type must answer."""

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
        data = self.cleaned_data
        keys = [question.key for question in self.questions if data[question.key]]
        return {"answers": {key: {"answer": data[key], "note": data[f"{key}_note"]} for key in keys}}


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


class ComposerForm(VersionedForm):
    text = forms.CharField(max_length=10_000, strip=False)
    client_key = forms.CharField(max_length=64, required=False)
    last = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    held = forms.IntegerField(required=False, min_value=0, max_value=86_400 * 7)
    contact = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M:%SZ"])


class CorrectForm(CleanForm):
    body = forms.CharField(widget=AREA, max_length=10_000, label="Corrected text")
    occurred_at = MomentField(required=False, label="It happened at", help_text="Empty: as it stands.")


class SectionForm(VersionedForm):
    body = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 8}), max_length=50_000, strip=False)


class CauseForm(CleanForm):
    text = forms.CharField(max_length=400, label="Because")
    kind = forms.ChoiceField(choices=CauseKind.choices, initial=CauseKind.CONTRIBUTING)


class CauseChangeForm(VersionedForm):
    text = forms.CharField(max_length=400, label="Because")
    kind = forms.ChoiceField(choices=CauseKind.choices)


class LookBackForm(CleanForm):
    """The first of a series."""

    platform = forms.ModelChoiceField(Platform.objects.none(), empty_label=None)
    kind = forms.ChoiceField(choices=LookBack.choices)
    starts_on = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, platform_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Platform.objects.filter(pk__in=platform_ids).order_by("name", "pk")
        self.fields["platform"].queryset = rows  # type: ignore[attr-defined]


class RetrospectiveForm(VersionedForm):
    well = forms.CharField(required=False, widget=AREA, max_length=20_000, label="Went well")
    improve = forms.CharField(required=False, widget=AREA, max_length=20_000, label="To improve")
    actions = forms.CharField(required=False, widget=AREA, max_length=20_000, label="What follows")


class CloseForm(VersionedForm):
    is_last = forms.BooleanField(required=False, label="The last of its series")


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
