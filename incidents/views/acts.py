"""Acts on one incident: each a small page with a form that also stands in the working pane."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse

from incidents.choices import Audience, UpdateState
from incidents.errors import CommandTakenError, IncidentError
from incidents.forms import (
    ActForm,
    CorrectForm,
    DescribeForm,
    MitigateForm,
    MomentField,
    ReopenForm,
    ResolveForm,
    RestrictForm,
    RoleForm,
    SeverityForm,
    StageForm,
    TriageForm,
    UpdateForm,
)
from incidents.models import Incident, TimelineEntry
from incidents.related_forms import EndForm
from incidents.selectors.beside import role_history
from incidents.selectors.detail import last_public_update
from incidents.services import (
    entry_correct,
    incident_acknowledge,
    incident_advance,
    incident_close,
    incident_describe,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
    incident_restrict,
    incident_set_severity,
    incident_triage,
    role_assign,
    update_post,
)
from incidents.services.composer import role_action
from incidents.services.progress import CLOSING_TEXTS
from incidents.views.shared import load, new_key, now
from opsportal.core.actions import READ_WRITE, ActionView, AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent

TEMPLATE: Final = "incidents/incident_act.html"
Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A verb on an incident: its right, its form, what it says and does."""

    name: str
    action: str
    form: type[ActForm]
    title: str
    submit: str
    run: Callable[[Actor, datetime, Incident, int, Data], object]
    initial: Callable[[Incident], dict[str, Any]] = field(default=lambda _incident: {})
    beside: Callable[[Incident], dict[str, Any]] = field(default=lambda _incident: {})
    text: str = ""
    kind: str = "pri"


def _triage(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    return incident_triage(by=by, at=at, incident=incident, expected=expected, answers=data["answers"])


def _describe(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    changes = {
        name: value
        for name, value in data.items()
        if name not in ("version", "why") and not _is_same_minute(value, getattr(incident, name))
    }
    return incident_describe(by=by, at=at, incident=incident, expected=expected, changes=changes, why=data["why"])


def _is_same_minute(typed: object, stored: object) -> bool:
    """The form shows a stored time to the minute: sent back as it was shown, it is no correction."""
    return isinstance(stored, datetime) and typed == stored.replace(second=0, microsecond=0)


def _role(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    authorize(by, role_action(incident, by, data["role"]), incident)
    return role_assign(
        by=by,
        at=at,
        incident=incident,
        expected=expected,
        role=data["role"],
        user_id=data["user_id"],
        note=data["note"],
    )


def _triage_initial(incident: Incident) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, given in incident.triage.items():
        found |= {key: given["answer"], f"{key}_note": given["note"]}
    return found


def _describe_initial(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in DescribeForm.base_fields if hasattr(incident, name)}


def _update_initial(incident: Incident) -> dict[str, Any]:
    last = last_public_update(incident)
    state = last.state if last else UpdateState.INVESTIGATING
    if not incident.is_open:
        state = UpdateState.RESOLVED
    return {"state": state, "audience": Audience.PUBLIC}


ACTS: Final = (
    Act(
        name="acknowledge",
        action="incidents.incident_acknowledge",
        form=ActForm,
        title="Take command",
        submit="Acknowledge and take command",
        text="You answer for this incident from now on; everyone sees it.",
        run=lambda by, at, incident, expected, _data: incident_acknowledge(
            by=by, at=at, incident=incident, expected=expected
        ),
    ),
    Act(
        name="severity",
        action="incidents.incident_set_severity",
        form=SeverityForm,
        title="Change severity",
        submit="Set severity",
        text="A worse severity starts its clocks anew, a milder one keeps their start.",
        initial=lambda incident: {"severity": incident.severity_id},
        run=lambda by, at, incident, expected, data: incident_set_severity(
            by=by, at=at, incident=incident, expected=expected, severity=data["severity"], why=data["why"]
        ),
    ),
    Act(
        name="role",
        action="incidents.role_assign",
        form=RoleForm,
        title="Roles",
        submit="Give role",
        text="Commander, communications, scribe and liaison are one person each; giving one passes it on.",
        beside=lambda incident: {"held": role_history(incident)},
        run=_role,
    ),
    Act(
        name="status",
        action="incidents.incident_advance",
        form=StageForm,
        title="Change stage",
        submit="Go to stage",
        initial=lambda incident: {"stage": incident.stage},
        run=lambda by, at, incident, expected, data: incident_advance(
            by=by, at=at, incident=incident, expected=expected, stage=data["stage"]
        ),
    ),
    Act(
        name="update",
        action="incidents.update_post",
        form=UpdateForm,
        title="Post an update",
        submit="Post update",
        text="Posting it starts the next update clock.",
        initial=_update_initial,
        run=lambda by, at, incident, expected, data: update_post(
            by=by,
            at=at,
            incident=incident,
            expected=expected,
            state=data["state"],
            audience=data["audience"],
            body=data["body"],
        ),
    ),
    Act(
        name="triage",
        action="incidents.incident_triage",
        form=TriageForm,
        title="Triage",
        submit="Save answers",
        initial=_triage_initial,
        run=_triage,
    ),
    Act(
        name="mitigate",
        action="incidents.incident_mitigate",
        form=MitigateForm,
        title="Mark mitigated",
        submit="Mark mitigated",
        text="Users are served again; the cause may remain.",
        run=lambda by, at, incident, expected, data: incident_mitigate(
            by=by, at=at, incident=incident, expected=expected, note=data["note"], mitigated_at=data["mitigated_at"]
        ),
    ),
    Act(
        name="resolve",
        action="incidents.incident_resolve",
        form=ResolveForm,
        title="Resolve",
        submit="Resolve",
        text="The working clocks end, the review is drafted from the record and its clock starts.",
        initial=lambda incident: {"resolution": incident.resolution},
        run=lambda by, at, incident, expected, data: incident_resolve(
            by=by,
            at=at,
            incident=incident,
            expected=expected,
            resolution=data["resolution"],
            resolved_at=data["resolved_at"],
        ),
    ),
    Act(
        name="close",
        action="incidents.incident_close",
        form=EndForm,
        title="Close",
        submit="Close incident",
        text="Impact, cause and resolution must stand in the record; the review stays open until it is published.",
        initial=lambda incident: {name: getattr(incident, name) for name in CLOSING_TEXTS},
        run=lambda by, at, incident, expected, data: incident_close(
            by=by,
            at=at,
            incident=incident,
            expected=expected,
            texts={name: data[name] for name in CLOSING_TEXTS},
            reviewer_id=data["reviewer_id"],
        ),
    ),
    Act(
        name="reopen",
        action="incidents.incident_reopen",
        form=ReopenForm,
        title="Reopen",
        submit="Reopen",
        run=lambda by, at, incident, expected, data: incident_reopen(
            by=by, at=at, incident=incident, expected=expected, why=data["why"]
        ),
    ),
    Act(
        name="describe",
        action="incidents.incident_describe",
        form=DescribeForm,
        title="Edit the record",
        submit="Save",
        initial=_describe_initial,
        run=_describe,
    ),
    Act(
        name="restrict",
        action="incidents.incident_restrict",
        form=RestrictForm,
        title="Who may know of it",
        submit="Save",
        text="A restricted incident does not exist for anyone else: not in lists, counts, search or exports.",
        initial=lambda incident: {
            "is_restricted": incident.is_restricted,
            "user_ids": list(incident.access.values_list("user_id", flat=True)),
        },
        run=lambda by, at, incident, expected, data: incident_restrict(
            by=by,
            at=at,
            incident=incident,
            expected=expected,
            is_restricted=data["is_restricted"],
            user_ids=data["user_ids"],
        ),
    ),
)


def _form(act: Act, request: AuthorizedRequest, incident: Incident) -> ActForm:
    kind = {"kind": incident.type} if issubclass(act.form, TriageForm) else {}
    return act.form(
        request.POST if request.method == "POST" else None,
        initial=act.initial(incident) | {"version": incident.version},
        platform_id=incident.platform_id,
        **kind,
    )


def _tell_readings(request: AuthorizedRequest, form: forms.Form) -> None:
    """Say how a time was read that came twice."""
    for bound in form:
        if isinstance(bound.field, MomentField) and bound.field.reading:
            messages.info(request, f"{bound.label}: {bound.field.reading}")


def _data(form: ActForm) -> Data:
    return {**form.cleaned_data, "answers": form.answers} if isinstance(form, TriageForm) else form.cleaned_data


def act_view(act: Act) -> ActionView:
    """The page of one act: its form, and the post that does it."""

    @idempotent
    def view(request: AuthorizedRequest, number: int) -> HttpResponse:
        incident = load(request, number, act.action)
        form, status = _form(act, request, incident), 200
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    act.run(request.actor, now(), incident, form.cleaned_data["version"], _data(form))
                except CommandTakenError as error:
                    form.add_error(None, str(error))
                    status = 409
                except IncidentError as error:
                    form.add_error(None, str(error))
                else:
                    _tell_readings(request, form)
                    return redirect_or_fragment(request, incident.url)
        context = {"incident": incident, "form": form, "act": act, "now": now(), "key": new_key()}
        context |= act.beside(incident)
        return render_page(request, TEMPLATE, context, fragment="pane", status=status)

    view.__name__ = f"incident_{act.name}"
    view.__doc__ = act.title
    return require_action(act.action, methods=READ_WRITE)(view)


@require_action("incidents.entry_correct", methods=READ_WRITE)
@idempotent
def entry_edit(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
    """Correct a line: the old text stays readable."""
    incident = load(request, number, "incidents.incident_view")
    entry = TimelineEntry.objects.filter(incident=incident, number=entry_number).select_related("incident").first()
    if entry is None:
        raise HiddenError("incidents.entry_correct")
    authorize(request.actor, "incidents.entry_correct", entry)
    form = CorrectForm(request.POST or None, initial={"body": entry.body})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            try:
                entry_correct(
                    by=request.actor, at=now(), entry=entry, body=data["body"], occurred_at=data["occurred_at"]
                )
            except IncidentError as error:
                form.add_error(None, str(error))
            else:
                _tell_readings(request, form)
                return redirect_or_fragment(request, incident.url)
    context = {"incident": incident, "entry": entry, "form": form, "now": now(), "key": new_key()}
    return render_page(request, "incidents/entry_correct.html", context, fragment="pane", status=status)
