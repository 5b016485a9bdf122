"""What an incident belongs to: merged, linked, planned, from a problem. Acts like those of `acts`, and how to undo."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.http import HttpResponse

from incidents.errors import IncidentError
from incidents.models import Incident, IncidentLink
from incidents.related_forms import LinkForm, MergeForm, PlanForm, ProblemLinkForm
from incidents.selectors import incident_by_number
from incidents.selectors.links import links_of
from incidents.selectors.problems import problem_by_number
from incidents.services.links import incident_link, incident_merge, incident_unlink
from incidents.services.problems import problem_link, problem_open, problem_unlink
from incidents.services.queue import incident_plan
from incidents.views.acts import Act, Data
from incidents.views.shared import load, now
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.core.htmx import redirect_or_fragment
from opsportal.core.idempotency import idempotent

MERGE, LINK = "incidents.incident_merge", "incidents.incident_link"


def named(by: Actor, number: int, action: str) -> Incident:
    """INC-`number` as far as `by` may know it and do that to it. Raises IncidentError, a sentence for the form."""
    try:
        other = incident_by_number(by, number)
        authorize(by, action, other)
    except HiddenError as error:
        raise IncidentError(f"There is no INC-{number}, or it is not for you.") from error
    except DeniedError as error:
        raise IncidentError(f"You may not do this to INC-{number}.") from error
    return other


def _merge(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    target = named(by, data["target"], MERGE)
    return incident_merge(by=by, at=at, incident=incident, expected=expected, target=target, note=data["note"])


def _link(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    other = named(by, data["other"], "incidents.incident_view")
    return incident_link(
        by=by, at=at, incident=incident, expected=expected, other=other, kind=data["kind"], note=data["note"]
    )


def _problem(by: Actor, at: datetime, incident: Incident, expected: int, data: Data) -> object:
    with transaction.atomic():
        if data["problem"] is not None:
            problem = problem_by_number(by, data["problem"])
        elif data["title"].strip():
            authorize(by, "incidents.problem_write", incident)
            problem = problem_open(by=by, at=at, platform_id=incident.platform_id, values={"title": data["title"]})
        else:
            raise IncidentError("Choose a problem, or name a new one.")
        return problem_link(by=by, at=at, incident=incident, expected=expected, problem=problem)


ACTS: Final = (
    Act(
        name="merge",
        action=MERGE,
        form=MergeForm,
        title="Merge",
        submit="Close as a duplicate",
        text="It closes under this number and goes on under the other, where its alarms and timeline are shown; "
        "later alarms of its signal join that one. This cannot be undone.",
        run=_merge,
    ),
    Act(
        name="link",
        action=LINK,
        form=LinkForm,
        title="Link an incident",
        submit="Link",
        text="Each of the two shows the other to those who may know of it.",
        run=_link,
    ),
    Act(
        name="plan",
        action="incidents.incident_plan",
        form=PlanForm,
        title="Planned work",
        submit="Save",
        text="It leaves the queue and is done with its sprint.",
        initial=lambda incident: {"planned_for": incident.planned_for, "planned_url": incident.planned_url},
        run=lambda by, at, incident, expected, data: incident_plan(
            by=by,
            at=at,
            incident=incident,
            expected=expected,
            planned_for=data["planned_for"],
            planned_url=data["planned_url"],
        ),
    ),
    Act(
        name="problem",
        action="incidents.problem_link",
        form=ProblemLinkForm,
        title="The problem behind it",
        submit="Link",
        text="A problem is analysed once for all its incidents, and its workaround stands on each of them.",
        run=_problem,
    ),
)


@require_action(LINK, methods=WRITE)
@idempotent
def link_remove(request: AuthorizedRequest, number: int, pk: int) -> HttpResponse:
    """Take a link back, from either end; again changes nothing."""
    incident = load(request, number, LINK)
    link = IncidentLink.objects.filter(pk=pk).first()
    if link is not None and any(row.pk == pk for row in links_of(request.actor, incident)):
        incident_unlink(by=request.actor, at=now(), incident=incident, link=link)
    return redirect_or_fragment(request, f"{incident.url}?tab=related")


@require_action("incidents.problem_link", methods=WRITE)
@idempotent
def problem_remove(request: AuthorizedRequest, number: int) -> HttpResponse:
    """Take the incident off its problem."""
    incident = load(request, number, "incidents.problem_link")
    problem_unlink(by=request.actor, at=now(), incident=incident, expected=incident.version)
    return redirect_or_fragment(request, f"{incident.url}?tab=related")
