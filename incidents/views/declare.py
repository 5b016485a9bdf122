"""Declaring: title and service are enough; from an alarm, a report or an item of a list, those are filled in too."""

from typing import Any, Final

from django.http import HttpResponse

from incidents.choices import DetectionSource, IncidentType
from incidents.errors import IncidentError
from incidents.forms.declare import DeclareForm
from incidents.models import Incident
from incidents.registries.origins import Origin, origin_of
from incidents.services.declare import Declaration, incident_declare, incident_declare_from
from incidents.types import TYPES, Type
from incidents.views.shared import now
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.gate import authorize, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.platforms.models import Service

DECLARE: Final = "incidents.incident_declare"


@require_action(DECLARE, methods=READ_WRITE)
@idempotent
def incident_new(request: AuthorizedRequest) -> HttpResponse:
    """Declare; `?from=alarm:7`, `item:7` or `report:7` fills the form in, `?type=` proposes a title."""
    named = request.POST.get("from", "") or request.GET.get("from", "")
    origin = origin_of(request.actor, named)
    form = DeclareForm(
        request.POST or None, initial=_initial(request, origin), platform_ids=platforms_where(request.actor, DECLARE)
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            incident = _declared(request, form, origin)
            if incident is not None:
                # The first line comes next: the composer has the focus.
                return redirect_or_fragment(request, f"{incident.url}?log")
    context = {"form": form, "key": new_key(), "origin": origin, "named": named if origin else "", "types": _types()}
    return render_page(request, "incidents/incident_declare.html", context, status=status)


def _types() -> list[tuple[str, str]]:
    """What each type brings along, for the form."""
    found = []
    for kind, row in TYPES.items():
        brings = [f"severity of rank {row.rank} ({row.why})"]
        brings += ["pages at once"] if row.pages else []
        brings += ["known only to those named"] if row.is_restricted else []
        brings += ["72 h clock (GDPR art. 33) and its checklist"] if row.clocks else []
        found.append((str(IncidentType(kind).label), ", ".join(brings)))
    return found


def _initial(request: AuthorizedRequest, origin: Origin | None) -> dict[str, Any]:
    get = request.GET
    kind = get.get("type", "") if get.get("type", "") in IncidentType.values else Type.DEGRADATION
    service_id = bounded_int(get.get("service", ""))
    initial: dict[str, Any] = {
        "title": clean_text(get.get("title", ""))[:200],
        "service": service_id,
        "take_command": True,
        "type": kind,
        "detection_source": DetectionSource.TEAM_OBSERVATION,
    }
    if origin is not None:
        return initial | {
            "title": origin.title[:200],
            "service": origin.service_id,
            "type": origin.type,
            "severity": origin.severity_id,
            "detection_source": origin.detection_source,
            "summary": origin.summary[:4000],
            "impact_started_at": origin.since,
        }
    if get.get("type") and not initial["title"]:
        seen = Service.objects.visible_to(request.actor).filter(pk=service_id or 0).first()
        initial["title"] = TYPES[Type(kind)].title.format(service=seen.name if seen else "A service")
    return initial


def _declared(request: AuthorizedRequest, form: DeclareForm, origin: Origin | None) -> Incident | None:
    data = form.cleaned_data
    service = data["service"]
    authorize(request.actor, DECLARE, service)
    declaration = Declaration(
        platform_id=service.platform_id,
        title=data["title"],
        service=service,
        severity=data["severity"],
        type=data["type"] or IncidentType.DEGRADATION,
        detection_source=data["detection_source"] or DetectionSource.TEAM_OBSERVATION,
        summary=data["summary"],
        impact_started_at=data["impact_started_at"],
        take_command=data["take_command"],
    )
    try:
        if origin is None or origin.platform_id != service.platform_id:
            return incident_declare(by=request.actor, at=now(), declaration=declaration)
        return incident_declare_from(by=request.actor, at=now(), declaration=declaration, origin=origin)
    except IncidentError as error:
        form.add_error(None, str(error))
        return None
