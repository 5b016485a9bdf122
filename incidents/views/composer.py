"""The composer: one field that logs, and acts on a leading slash."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.utils.timezone import localtime

from incidents import selectors
from incidents.commands import USAGE, Command, CommandError, parse
from incidents.errors import IncidentError
from incidents.forms.lines import ComposerForm
from incidents.models import Incident
from incidents.services.acts import acts_offered
from incidents.services.composer import act_of, composer_run
from incidents.services.timeline import device_time
from incidents.views.shared import load, local_zone, now
from incidents.views.timeline import fresh_context
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.formats import hour, stamp
from opsportal.core.gate import DeniedError, StaleMfaError, authorize
from opsportal.core.htmx import redirect_or_fragment, render_fragment, render_page, wants_fragment
from opsportal.core.idempotency import new_key
from opsportal.core.models import VersionConflictError

LINES: Final = ("log", "decision")  # what changes nothing but the timeline
ENTRIES: Final = "incidents/_entries.html"
# Label, icon, act, and the line that does the same.
_BUTTONS: Final = (
    ("Update", "megaphone", "update", USAGE["update"]),
    ("Decision", "flag", "decision", USAGE["decision"]),
    ("Severity", "target", "severity", USAGE["severity"]),
    ("Role", "user", "role", USAGE["role"]),
    ("Stage", "arrow-right", "stage", USAGE["status"]),
    ("Runbook", "book-open", "runbook", USAGE["runbook"]),
    ("Pin", "pin", "pin", USAGE["pin"]),
    ("Task", "list-checks", "task", USAGE["task"]),
    ("Graph", "activity", "metric", USAGE["metric"]),
    ("File", "download", "attach", "An image or text; drop or paste it into the field as well"),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a logged line suggests to do next."""

    says: str
    label: str
    href: str


def composer_context(
    request: AuthorizedRequest, incident: Incident, *, text: str = "", error: str = "", offer: Offer | None = None
) -> dict[str, Any]:
    """The field, what can be done from it as the incident stands, and what was typed when it was refused."""
    can = acts_offered(request.actor, incident)
    return {
        "composer_id": f"incident-{incident.pk}-composer",
        "can_log": "log" in can,
        "quick": [
            {"label": label, "glyph": glyph, "href": f"{incident.url}{name}/", "usage": usage}
            for label, glyph, name, usage in _BUTTONS
            if name in can
        ],
        "commands": [f"/{name} " for name in USAGE if act_of(name).name in can],
        "client_key": new_key(),
        "composer_text": text,
        "composer_error": error,
        "composer_offer": offer,
    }


@require_action("incidents.entry_log", methods=WRITE)
def entry_log_action(request: AuthorizedRequest, number: int) -> HttpResponse:
    """One line. Answers htmx with the new entries and an empty composer, a plain post with the page."""
    incident = selectors.incident_to_log(request.actor, number)
    authorize(request.actor, "incidents.entry_log", incident)
    form = ComposerForm(request.POST)
    if not form.is_valid():
        return _refused(request, incident, " ".join(str(error) for errors in form.errors.values() for error in errors))
    data = form.cleaned_data
    try:
        at = now()
        written_at = device_time(at=at, held=timedelta(seconds=data["held"] or 0), contact=data["contact"])
        # What a held-back line says of time is meant as of when it was written.
        command = parse(data["text"], now=written_at or at, zone=local_zone())
        if command.name not in LINES:
            incident = load(request, number, "incidents.entry_log")
        composer_run(
            by=request.actor,
            at=at,
            incident=incident,
            expected=data["version"],
            command=command,
            client_key=data["client_key"],
            written_at=written_at,
        )
    except (CommandError, IncidentError) as error:
        return _refused(request, incident, str(error))
    except StaleMfaError:
        raise
    except DeniedError as error:  # the field keeps the line and says who may; htmx swaps no 403
        return _refused(request, incident, str(error), status=422 if wants_fragment(request) else 403)
    except VersionConflictError:
        return _refused(
            request,
            incident,
            "Someone changed the incident a moment ago: look at it, then send this again.",
            status=409,
        )
    return _answer(request, incident, data["last"] or 0, command)


def _earlier_start(request: AuthorizedRequest, incident: Incident, command: Command) -> Offer | None:
    """A line that happened before the recorded start of the impact may be the start: somebody has to say so."""
    started, happened = incident.impact_started_at, command.occurred_at
    # Times are typed to the minute.
    if happened is None or happened >= started.replace(second=0, microsecond=0):
        return None
    if "describe" not in acts_offered(request.actor, incident):
        return None
    moment = localtime(happened)
    return Offer(
        f"That was before the impact began as recorded, {stamp(started)}.",
        f"Move the start to {hour(moment)}",
        f"{incident.url}describe/?impact_started_at={moment:%Y-%m-%dT%H:%M}",
    )


def _answer(request: AuthorizedRequest, incident: Incident, last: int, command: Command) -> HttpResponse:
    reading = command.reading
    if not wants_fragment(request):
        offer = _earlier_start(request, incident, command)
        if said := " ".join(filter(None, (reading, f"{offer.says} {offer.label} in its times." if offer else ""))):
            messages.info(request, said)
        return redirect_or_fragment(request, f"{incident.url}#incident-{incident.pk}-composer")
    incident = load(request, incident.number, "incidents.entry_log")
    asked = QueryDict(request.POST.get("filter", "")[:500])
    offer = _earlier_start(request, incident, command)
    context = composer_context(request, incident, offer=offer) | fresh_context(request, incident, last, asked)
    context |= {"incident": incident}
    body = render_fragment(request, ENTRIES, "fresh", context)
    body += render_fragment(request, ENTRIES, "composer", context | {"is_oob": True})
    response = HttpResponse(body)
    hidden = "Logged. The filter hides it." if context["is_narrowed"] and not context["fresh"].entries else ""
    if hidden or reading:
        response["X-Toast"] = f"{hidden} {reading}".strip()
    # A command also changed the head; without an event stream it would show so only at the next poll.
    response["HX-Trigger"] = f'{{"live": {{"target": "#incident-{incident.pk}-head"}}}}'
    return response


def _refused(request: AuthorizedRequest, incident: Incident, error: str, *, status: int = 422) -> HttpResponse:
    """The composer again, with what was typed and why it was not taken."""
    incident = load(request, incident.number, "incidents.entry_log")
    text = request.POST.get("text", "")[:10_000]
    context = composer_context(request, incident, text=text, error=error) | {"incident": incident, "is_oob": False}
    if not wants_fragment(request):
        return render_page(request, "incidents/entry_new.html", context, status=status)
    response = HttpResponse(render_fragment(request, ENTRIES, "composer", context), status=status)
    response["HX-Retarget"] = f"#incident-{incident.pk}-composer"
    response["HX-Reswap"] = "outerHTML"
    return response
