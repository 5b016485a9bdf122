"""The pages of the acts on one incident: each a small form that also stands in the working pane."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse

from incidents.choices import DONE_BY_HAND, UNPAUSABLE, Audience, UpdateState
from incidents.errors import CommandTakenError, IncidentError, UnknownNameError
from incidents.forms.acts import (
    ClockDoneForm,
    ClockPauseForm,
    ClockResumeForm,
    DescribeForm,
    EndForm,
    MitigateForm,
    ReopenForm,
    ResolveForm,
    RestrictForm,
    RoleForm,
    SeverityForm,
    StageForm,
    TriageForm,
    UpdateForm,
)
from incidents.forms.base import ActForm, IncidentForm, MomentField
from incidents.forms.lines import DecisionForm, MetricForm, PinForm, TaskForm
from incidents.forms.links import LinkForm, MergeForm, PlanForm, ProblemLinkForm
from incidents.models import Incident
from incidents.selectors.beside import role_history
from incidents.selectors.detail import last_public_update
from incidents.selectors.links import unfinished_of
from incidents.services.acts import ACTS, Act
from incidents.services.progress import CLOSING_TEXTS
from incidents.views.shared import load, now
from opsportal.core.actions import READ_WRITE, ActionView, AuthorizedRequest, require_action
from opsportal.core.conflicts import last_change
from opsportal.core.formats import stamp
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.models import VersionConflictError

TEMPLATE: Final = "incidents/incident_act.html"
Initial = Callable[[Incident], dict[str, Any]]


def _nothing(_incident: Incident) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The form of an act, and what its page says."""

    act: Act
    form: type[IncidentForm]
    title: str
    submit: str
    text: str = ""
    initial: Initial = _nothing
    beside: Initial = _nothing
    back: str = ""  # the tab of the pane that shows what was done, if not the first

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.act.name


def _triage_initial(incident: Incident) -> dict[str, Any]:
    found: dict[str, Any] = {"seen": incident.triage}
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


def _first_clock(condition: Q) -> Initial:
    """The clock that the form names first: the next due of those it is about."""

    def initial(incident: Incident) -> dict[str, Any]:
        rows = incident.clocks.filter(condition, stopped_at__isnull=True).order_by("due_at", "pk")
        return {"kind": rows.values_list("kind", flat=True).first()}

    return initial


PAGES: Final = (
    Page(
        act=ACTS["acknowledge"],
        form=ActForm,
        title="Take command",
        submit="Acknowledge and take command",
        text="You answer for this incident from now on; everyone sees it.",
    ),
    Page(
        act=ACTS["severity"],
        form=SeverityForm,
        title="Change severity",
        submit="Set severity",
        text="A worse severity starts its clocks anew, a milder one keeps their start.",
        initial=lambda incident: {"severity": incident.severity_id},
    ),
    Page(
        act=ACTS["role"],
        form=RoleForm,
        title="Roles",
        submit="Give role",
        text="Commander, communications, scribe and liaison are one person each; giving one passes it on.",
        beside=lambda incident: {"held": role_history(incident)},
    ),
    Page(
        act=ACTS["stage"],
        form=StageForm,
        title="Change stage",
        submit="Go to stage",
        initial=lambda incident: {"stage": incident.stage},
    ),
    Page(
        act=ACTS["update"],
        form=UpdateForm,
        title="Post an update",
        submit="Post update",
        text="Posting it starts the next update clock.",
        initial=_update_initial,
    ),
    Page(
        act=ACTS["triage"],
        form=TriageForm,
        title="Triage",
        submit="Save answers",
        back="?tab=triage",
        initial=_triage_initial,
    ),
    Page(
        act=ACTS["mitigate"],
        form=MitigateForm,
        title="Mark mitigated",
        submit="Mark mitigated",
        text="Users are served again; the cause may remain.",
    ),
    Page(
        act=ACTS["resolve"],
        form=ResolveForm,
        title="Resolve",
        submit="Resolve",
        text="The working clocks end, the review is drafted from the record and its clock starts.",
        initial=lambda incident: {"resolution": incident.resolution},
        beside=unfinished_of,
    ),
    Page(
        act=ACTS["close"],
        form=EndForm,
        title="Close",
        submit="Close incident",
        text="Impact, cause and resolution must stand in the record; the review stays open until it is published.",
        initial=lambda incident: {name: getattr(incident, name) for name in CLOSING_TEXTS},
        beside=unfinished_of,
    ),
    Page(
        act=ACTS["reopen"],
        form=ReopenForm,
        title="Reopen",
        submit="Reopen",
    ),
    Page(
        act=ACTS["describe"],
        form=DescribeForm,
        title="Edit the record",
        submit="Save",
        initial=_describe_initial,
    ),
    Page(
        act=ACTS["restrict"],
        form=RestrictForm,
        title="Who may know of it",
        submit="Save",
        text="A restricted incident does not exist for anyone else: not in lists, counts, search or exports.",
        initial=lambda incident: {
            "is_restricted": incident.is_restricted,
            "user_ids": list(incident.access.values_list("user_id", flat=True)),
        },
    ),
    Page(
        act=ACTS["merge"],
        form=MergeForm,
        title="Merge",
        submit="Close as a duplicate",
        text="It closes under this number and goes on under the other, where its alarms and timeline are shown; "
        "later alarms of its signal join that one. This cannot be undone.",
    ),
    Page(
        act=ACTS["link"],
        form=LinkForm,
        title="Link an incident",
        submit="Link",
        text="Each of the two shows the other to those who may know of it.",
    ),
    Page(
        act=ACTS["plan"],
        form=PlanForm,
        title="Planned work",
        submit="Save",
        text="It leaves the queue and is done with its sprint.",
        initial=lambda incident: {"planned_for": incident.planned_for, "planned_url": incident.planned_url},
    ),
    Page(
        act=ACTS["problem"],
        form=ProblemLinkForm,
        title="The problem behind it",
        submit="Link",
        text="A problem is analysed once for all its incidents, and its workaround stands on each of them.",
    ),
    Page(
        act=ACTS["clock-pause"],
        form=ClockPauseForm,
        title="Pause a clock",
        submit="Pause clock",
        text="What is left of its time is kept. It stays visible as paused, with the reason, for ever.",
        initial=_first_clock(Q(paused_at__isnull=True, fired_at__isnull=True) & ~Q(kind__in=UNPAUSABLE)),
    ),
    Page(
        act=ACTS["clock-resume"],
        form=ClockResumeForm,
        title="Let a clock go on",
        submit="Go on",
        initial=_first_clock(Q(paused_at__isnull=False)),
    ),
    Page(
        act=ACTS["clock-done"],
        form=ClockDoneForm,
        title="Tick off a clock",
        submit="Done",
        text="For what happens outside the portal: the authority told of a breach, stakeholders told by phone.",
        initial=_first_clock(Q(kind__in=DONE_BY_HAND)),
    ),
    Page(
        act=ACTS["decision"],
        form=DecisionForm,
        title="Log a decision",
        submit="Log",
        text="It stands out in the timeline, and in the review.",
    ),
    Page(
        act=ACTS["pin"],
        form=PinForm,
        title="Log and pin",
        submit="Pin",
        text="The line stands in the timeline and above it, for everyone.",
    ),
    Page(
        act=ACTS["task"],
        form=TaskForm,
        title="Ask for a task",
        submit="Ask",
        text="Its owner is told at once, and once more when it is overdue.",
    ),
    Page(
        act=ACTS["metric"],
        form=MetricForm,
        title="Keep a graph",
        submit="Keep",
        text="The figures around the incident are kept in the line as they are now, whatever retention forgets later.",
    ),
)


def tell_readings(request: AuthorizedRequest, form: forms.Form) -> None:
    """Say how a time was read that came twice."""
    for bound in form:
        if isinstance(bound.field, MomentField) and bound.field.reading:
            messages.info(request, f"{bound.label}: {bound.field.reading}")


def _refusal(
    request: AuthorizedRequest, page: Page, incident: Incident, form: IncidentForm, seen: Incident | None = None
) -> int:
    """Do it, on top of what is `seen` by now. The status of a refusal, which then stands in the form; 0: it is done."""
    if not form.is_valid():
        return 422
    expected = seen.version if seen is not None else form.cleaned_data.get("version")
    try:
        values = form.values(request.actor)
        page.act.perform(by=request.actor, at=now(), incident=incident, expected=expected, values=values)
    except UnknownNameError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return 422
    except IncidentError as error:
        form.add_error(None, str(error))
        return 409 if isinstance(error, CommandTakenError) else 422
    except VersionConflictError as error:
        current = error.current
        if not isinstance(current, Incident):
            raise
        if page.act.is_possible(current):
            if form.is_clear_of(current):
                return _refusal(request, page, incident, form, current)
            raise
        # Sent again it could not succeed either, so no merge is offered.
        form.add_error(None, _overtaken(current))
        return 409
    return 0


def _overtaken(incident: Incident) -> str:
    last = last_change(incident)
    who = f"{last.name} was first, {stamp(last.at)}" if last else "Someone was first"
    return f"{who}: the incident is {incident.state} now. What you wrote stands below; nothing of it was saved."


# What a link may fill in: the one of several that it is about, and what a line or an answer of the triage speaks for.
_BY_LINK: Final = ("kind", "impact_started_at", "users_affected")


def _asked(request: AuthorizedRequest, page: Page) -> dict[str, str]:
    """The values that a link brings: `?kind=update`, `?impact_started_at=2026-11-22T03:20`."""
    return {name: request.GET[name] for name in _BY_LINK if request.GET.get(name) and name in page.form.base_fields}


def act_view(page: Page) -> ActionView:
    """The page of one act: its form, and the post that does it."""

    @idempotent
    def view(request: AuthorizedRequest, number: int) -> HttpResponse:
        incident = load(request, number, page.act.action)
        form = page.form(
            request.POST if request.method == "POST" else None,
            initial=page.initial(incident) | _asked(request, page) | {"version": incident.version},
            incident=incident,
        )
        status = _refusal(request, page, incident, form) if request.method == "POST" else 200
        if not status:
            tell_readings(request, form)
            return redirect_or_fragment(request, f"{incident.url}{page.back}")
        if status == 409:
            incident = load(request, number, page.act.action)
        context = {"incident": incident, "form": form, "act": page, "now": now(), "key": new_key()}
        # What was typed and not sent before the incident came back is not about the present wave.
        context |= {"is_possible": page.act.is_possible(incident), "wave": incident.waves.count() + 1}
        return render_page(request, TEMPLATE, context | page.beside(incident), fragment="pane", status=status)

    view.__name__ = f"incident_{page.name}"
    view.__doc__ = page.title
    return require_action(page.act.action, methods=READ_WRITE)(view)
