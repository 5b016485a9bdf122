"""`POST /api/v1/incidents/N/ACT/`: what people do to an incident, by the services of the buttons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import VIEW, IncidentApiView
from incidents.api.serializers import IncidentSerializer
from incidents.choices import (
    DONE_BY_HAND,
    TRIAGE_ANSWERS,
    UNPAUSABLE,
    Audience,
    ClockKind,
    IncidentRole,
    StageChoice,
    UpdateState,
)
from incidents.lifecycle import WORKING
from incidents.models import Incident
from incidents.models.problem import LinkKind
from incidents.selectors.named import incident_named, person_named, severity_named
from incidents.services.acts import ACTS, Act
from incidents.services.progress import CLOSING_TEXTS
from incidents.types import Type, questions
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.api import CleanCharField, expected_version, row_response, sent
from opsportal.core.idempotency import idempotent

Data = Mapping[str, Any]


class NothingSerializer(serializers.Serializer[Any]):
    """The act says it all."""


class SeveritySerializer(serializers.Serializer[Any]):
    severity = CleanCharField(max_length=20, help_text="the platform's own label, e.g. P1")
    why = CleanCharField(max_length=400, required=False, default="", allow_blank=True)


class RoleSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=IncidentRole.choices)
    person = serializers.EmailField(help_text="address of a member of the platform")
    note = CleanCharField(max_length=400, required=False, default="", allow_blank=True, help_text="hand-over note")


class StageSerializer(serializers.Serializer[Any]):
    stage = serializers.ChoiceField(choices=[(stage.value, StageChoice(stage).label) for stage in WORKING])


class UpdateSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=UpdateState.choices)
    audience = serializers.ChoiceField(choices=Audience.choices, required=False, default=Audience.INTERNAL)
    body = CleanCharField(max_length=4000)


class AnswerSerializer(serializers.Serializer[Any]):
    answer = serializers.ChoiceField(choices=TRIAGE_ANSWERS)
    note = CleanCharField(max_length=200, required=False, default="", allow_blank=True)


class TriageSerializer(serializers.Serializer[Any]):
    """Any of the five questions, and of those that a type asks besides."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        asked = {question.key: question.text for kind in Type for question in questions(kind)}
        return {key: AnswerSerializer(required=False, help_text=text) for key, text in asked.items()}

    def to_internal_value(self, data: Any) -> Any:
        """Refuses what this incident is not asked: an answer that nobody keeps would be lost without a word."""
        known = {question.key for question in questions(self.context["incident"].type)}
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - known)):
            raise serializers.ValidationError({key: ["This incident is not asked that."] for key in unknown})
        return super().to_internal_value(data)


class MitigateSerializer(serializers.Serializer[Any]):
    note = CleanCharField(max_length=4000, required=False, default="", allow_blank=True)
    mitigated_at = serializers.DateTimeField(required=False, default=None, allow_null=True, help_text="now, if absent")


class ResolveSerializer(serializers.Serializer[Any]):
    resolution = CleanCharField(max_length=4000, required=False, default="", allow_blank=True)
    resolved_at = serializers.DateTimeField(required=False, default=None, allow_null=True, help_text="now, if absent")


class CloseSerializer(serializers.Serializer[Any]):
    """What is left out stays as it stands in the record."""

    users_affected = CleanCharField(max_length=120, required=False, allow_blank=True)
    impact_business = CleanCharField(max_length=8000, required=False, allow_blank=True)
    impact_technical = CleanCharField(max_length=8000, required=False, allow_blank=True)
    cause = CleanCharField(max_length=8000, required=False, allow_blank=True)
    resolution = CleanCharField(max_length=8000, required=False, allow_blank=True)
    reviewer = serializers.EmailField(required=False, help_text="who writes the review; else the commander")


class MergeSerializer(serializers.Serializer[Any]):
    target = serializers.IntegerField(min_value=1, help_text="number of the incident that goes on")
    note = CleanCharField(max_length=400, required=False, default="", allow_blank=True)


class LinkSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=LinkKind.choices)
    other = serializers.IntegerField(min_value=1, help_text="number of the other incident")
    note = CleanCharField(max_length=200, required=False, default="", allow_blank=True)


class PlanSerializer(serializers.Serializer[Any]):
    planned_for = CleanCharField(max_length=120, allow_blank=True, help_text="the sprint; empty: back in the queue")
    planned_url = CleanCharField(max_length=400, required=False, default="", allow_blank=True)


class ReopenSerializer(serializers.Serializer[Any]):
    why = CleanCharField(max_length=400)


class ClockPauseSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in ClockKind if kind not in UNPAUSABLE])
    why = CleanCharField(max_length=200)


class ClockResumeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in ClockKind if kind not in UNPAUSABLE])


class ClockDoneSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[kind.value for kind in DONE_BY_HAND])
    note = CleanCharField(max_length=200, required=False, default="", allow_blank=True)


Values = Callable[[Actor, Incident, Data], Data]


def _as_sent(_by: Actor, _incident: Incident, data: Data) -> Data:
    return data


def _severity(_by: Actor, incident: Incident, data: Data) -> Data:
    return {**data, "severity": severity_named(incident.platform_id, data["severity"])}


def _role(_by: Actor, incident: Incident, data: Data) -> Data:
    user_id = person_named(incident.platform_id, data["person"])
    return {"role": data["role"], "user_id": user_id, "note": data["note"]}


def _close(_by: Actor, incident: Incident, data: Data) -> Data:
    reviewer = data.get("reviewer")
    return {
        "texts": {name: data[name] for name in CLOSING_TEXTS if name in data},
        "reviewer_id": person_named(incident.platform_id, reviewer, "reviewer") if reviewer else None,
    }


def _merge(by: Actor, _incident: Incident, data: Data) -> Data:
    return {**data, "target": incident_named(by, data["target"], ACTS["merge"].action, "target")}


def _link(by: Actor, _incident: Incident, data: Data) -> Data:
    return {**data, "other": incident_named(by, data["other"], VIEW, "other")}


@dataclass(frozen=True, slots=True)
class ApiAct:
    """An act as the API takes it: what is sent, and how that becomes its values."""

    act: Act
    takes: type[serializers.Serializer[Any]]
    text: str
    values: Values = _as_sent


API_ACTS: Final = (
    ApiAct(ACTS["acknowledge"], NothingSerializer, "Acknowledge and take command; 409 names who was first."),
    ApiAct(ACTS["severity"], SeveritySerializer, "Change the severity; a worse one starts its clocks anew.", _severity),
    ApiAct(ACTS["role"], RoleSerializer, "Give a role to a member.", _role),
    ApiAct(ACTS["stage"], StageSerializer, "Move between the working stages."),
    ApiAct(ACTS["update"], UpdateSerializer, "Post a status update; the next update clock starts."),
    ApiAct(
        ACTS["triage"], TriageSerializer, "Answer triage questions.", lambda _by, _incident, data: {"answers": data}
    ),
    ApiAct(ACTS["mitigate"], MitigateSerializer, "Users are served again; the cause may remain."),
    ApiAct(ACTS["resolve"], ResolveSerializer, "It is over: working clocks end, the review's clock starts."),
    ApiAct(ACTS["close"], CloseSerializer, "End the record; impact, cause and resolution must stand in it.", _close),
    ApiAct(
        ACTS["merge"],
        MergeSerializer,
        "Close it as the duplicate of another; later alarms of its signal join that one.",
        _merge,
    ),
    ApiAct(ACTS["link"], LinkSerializer, "Say how it belongs to another incident.", _link),
    ApiAct(ACTS["plan"], PlanSerializer, "Make a mild one planned work of a sprint."),
    ApiAct(ACTS["reopen"], ReopenSerializer, "It came back."),
    ApiAct(ACTS["clock-pause"], ClockPauseSerializer, "Stop a clock; what is left of its time is kept."),
    ApiAct(ACTS["clock-resume"], ClockResumeSerializer, "Let a clock go on."),
    ApiAct(
        ACTS["clock-done"],
        ClockDoneSerializer,
        "Tick off what happens outside the portal: authority or stakeholders told.",
    ),
)


class ActView(IncidentApiView):
    """One act. Needs `If-Match`; `Idempotency-Key` makes a resend harmless."""

    asked: ApiAct
    serializer_class = IncidentSerializer

    def perform(self, request: Request, number: int) -> Response:
        """Do it, and answer with the incident as it is then."""
        act = self.asked.act
        incident = self.load(number, act.action)
        expected = expected_version(request, incident)
        said = sent(request, self.asked.takes, context={"incident": incident})
        values = self.asked.values(self.actor, incident, said)
        act.perform(by=self.actor, at=clock.now(), incident=incident, expected=expected, values=values)
        fresh = self.load(number, VIEW)
        return row_response(fresh, IncidentSerializer(fresh))


def _route(asked: ApiAct) -> URLPattern:
    # A function for each: the schema's words are kept on it.
    @extend_schema(
        operation_id=f"incidents_{asked.act.name.replace('-', '_')}",
        description=asked.text,
        request=asked.takes,
        responses=IncidentSerializer,
    )
    @idempotent
    def post(self: ActView, request: Request, number: int) -> Response:
        return self.perform(request, number)

    name = asked.act.name
    members = {"asked": asked, "actions": {"POST": asked.act.action}, "post": post, "__doc__": asked.text}
    view: type[ActView] = type(f"{name.title().replace('-', '')}View", (ActView,), members)
    return path(f"incidents/<int:number>/{name}/", view.as_view(), name=name)


urlpatterns: list[URLPattern] = [_route(asked) for asked in API_ACTS]
