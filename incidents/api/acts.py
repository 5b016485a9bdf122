"""`POST /api/v1/incidents/N/ACT/`: what people do to an incident, by the services of the buttons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import VIEW, IncidentApiView, member_addressed, severity_labelled
from incidents.api.serializers import IncidentSerializer
from incidents.choices import (
    DONE_BY_HAND,
    TRIAGE_ANSWERS,
    TRIAGE_QUESTIONS,
    UNPAUSABLE,
    Audience,
    ClockKind,
    IncidentRole,
    StageChoice,
    UpdateState,
)
from incidents.errors import CommandTakenError, IncidentError
from incidents.lifecycle import WORKING
from incidents.models import Incident
from incidents.models.problem import LinkKind
from incidents.selectors import incident_by_number
from incidents.services import (
    clock_done,
    clock_pause,
    clock_resume,
    incident_acknowledge,
    incident_advance,
    incident_close,
    incident_link,
    incident_merge,
    incident_mitigate,
    incident_plan,
    incident_reopen,
    incident_resolve,
    incident_set_severity,
    incident_triage,
    role_assign,
    update_post,
)
from incidents.services.composer import role_action
from incidents.services.progress import CLOSING_TEXTS
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.api import CleanCharField, ConflictError, UnprocessableError, expected_version, row_response
from opsportal.core.gate import HiddenError, authorize
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
    """Any of the five questions."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {key: AnswerSerializer(required=False, help_text=text) for key, text in TRIAGE_QUESTIONS}


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


def _set_severity(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> None:
    severity = severity_labelled(incident.platform, data["severity"])
    incident_set_severity(by=by, at=at, incident=incident, expected=expected, severity=severity, why=data["why"])


def _assign(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> None:
    authorize(by, role_action(incident, by, data["role"]), incident)
    user_id = member_addressed(incident.platform, data["person"], "person")
    role_assign(
        by=by, at=at, incident=incident, expected=expected, role=data["role"], user_id=user_id, note=data["note"]
    )


def _close(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> None:
    reviewer = data.get("reviewer")
    incident_close(
        by=by,
        at=at,
        incident=incident,
        expected=expected,
        texts={name: data[name] for name in CLOSING_TEXTS if name in data},
        reviewer_id=member_addressed(incident.platform, reviewer, "reviewer") if reviewer else None,
    )


def _other(by: Actor, number: int, action: str, field: str) -> Incident:
    """INC-`number` as far as the caller may know it. Raises ValidationError that names `field`, DeniedError."""
    try:
        other = incident_by_number(by, number)
        authorize(by, action, other)
    except HiddenError as error:
        raise serializers.ValidationError({field: ["There is no such incident."]}) from error
    return other


def _merge(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> None:
    target = _other(by, data["target"], "incidents.incident_merge", "target")
    incident_merge(by=by, at=at, incident=incident, expected=expected, target=target, note=data["note"])


def _link(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> None:
    other = _other(by, data["other"], VIEW, "other")
    incident_link(by=by, at=at, incident=incident, expected=expected, other=other, kind=data["kind"], note=data["note"])


@dataclass(frozen=True, slots=True)
class ApiAct:
    """A verb: its right, what it takes, and the service that does it."""

    name: str
    action: str
    takes: type[serializers.Serializer[Any]]
    run: Callable[[Actor, datetime, Incident, int, Data], object]
    text: str


def _plain(service: Callable[..., object]) -> Callable[[Actor, datetime, Incident, int, Data], object]:
    """A service that takes what was sent under the names it was sent."""

    def run(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
        return service(by=by, at=at, incident=incident, expected=expected, **data)

    return run


ACTS: Final = (
    ApiAct(
        "acknowledge",
        "incidents.incident_acknowledge",
        NothingSerializer,
        _plain(incident_acknowledge),
        "Acknowledge and take command; 409 names who was first.",
    ),
    ApiAct(
        "severity",
        "incidents.incident_set_severity",
        SeveritySerializer,
        _set_severity,
        "Change the severity; a worse one starts its clocks anew.",
    ),
    ApiAct("role", "incidents.role_assign", RoleSerializer, _assign, "Give a role to a member."),
    ApiAct(
        "stage",
        "incidents.incident_advance",
        StageSerializer,
        _plain(incident_advance),
        "Move between the working stages.",
    ),
    ApiAct(
        "update",
        "incidents.update_post",
        UpdateSerializer,
        _plain(update_post),
        "Post a status update; the next update clock starts.",
    ),
    ApiAct(
        "triage",
        "incidents.incident_triage",
        TriageSerializer,
        lambda by, at, incident, expected, data: incident_triage(
            by=by, at=at, incident=incident, expected=expected, answers=data
        ),
        "Answer triage questions.",
    ),
    ApiAct(
        "mitigate",
        "incidents.incident_mitigate",
        MitigateSerializer,
        _plain(incident_mitigate),
        "Users are served again; the cause may remain.",
    ),
    ApiAct(
        "resolve",
        "incidents.incident_resolve",
        ResolveSerializer,
        _plain(incident_resolve),
        "It is over: working clocks end, the review's clock starts.",
    ),
    ApiAct(
        "close",
        "incidents.incident_close",
        CloseSerializer,
        _close,
        "End the record; impact, cause and resolution must stand in it.",
    ),
    ApiAct(
        "merge",
        "incidents.incident_merge",
        MergeSerializer,
        _merge,
        "Close it as the duplicate of another; later alarms of its signal join that one.",
    ),
    ApiAct("link", "incidents.incident_link", LinkSerializer, _link, "Say how it belongs to another incident."),
    ApiAct(
        "plan",
        "incidents.incident_plan",
        PlanSerializer,
        _plain(incident_plan),
        "Make a mild one planned work of a sprint.",
    ),
    ApiAct("reopen", "incidents.incident_reopen", ReopenSerializer, _plain(incident_reopen), "It came back."),
    ApiAct(
        "clock-pause",
        "incidents.clock_pause",
        ClockPauseSerializer,
        _plain(clock_pause),
        "Stop a clock; what is left of its time is kept.",
    ),
    ApiAct("clock-resume", "incidents.clock_pause", ClockResumeSerializer, _plain(clock_resume), "Let a clock go on."),
    ApiAct(
        "clock-done",
        "incidents.clock_done",
        ClockDoneSerializer,
        _plain(clock_done),
        "Tick off what happens outside the portal: authority or stakeholders told.",
    ),
)


class ActView(IncidentApiView):
    """One act. Needs `If-Match`; `Idempotency-Key` makes a resend harmless."""

    act: ApiAct
    serializer_class = IncidentSerializer

    def perform(self, request: Request, number: int) -> Response:
        """Do it, and answer with the incident as it is then."""
        incident = self.load(number, self.act.action)
        expected = expected_version(request, incident)
        serializer = self.act.takes(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            self.act.run(self.actor, clock.now(), incident, expected, serializer.validated_data)
        except CommandTakenError as error:
            raise ConflictError(str(error)) from error
        except IncidentError as error:
            raise UnprocessableError(str(error)) from error
        fresh = self.load(number, VIEW)
        return row_response(fresh, IncidentSerializer(fresh))


def _route(act: ApiAct) -> URLPattern:
    # A function for each: the schema's words are kept on it.
    @extend_schema(
        operation_id=f"incidents_{act.name.replace('-', '_')}",
        description=act.text,
        request=act.takes,
        responses=IncidentSerializer,
    )
    @idempotent
    def post(self: ActView, request: Request, number: int) -> Response:
        return self.perform(request, number)

    members = {"act": act, "actions": {"POST": act.action}, "post": post, "__doc__": act.text}
    view: type[ActView] = type(f"{act.name.title().replace('-', '')}View", (ActView,), members)
    return path(f"incidents/<int:number>/{act.name}/", view.as_view(), name=act.name)


urlpatterns: list[URLPattern] = [_route(act) for act in ACTS]
