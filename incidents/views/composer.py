"""The composer: one field that logs, and acts on a leading slash."""

from typing import Any, Final

from django.http import HttpResponse

from incidents import selectors
from incidents.commands import USAGE, CommandError, parse
from incidents.forms import ComposerForm
from incidents.models import Incident, TimelineEntry
from incidents.order import places
from incidents.services.composer import authorize_line, composer_run
from incidents.views.shared import REFUSALS, WRITE, load, local_zone, new_key, now
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_fragment, render_page, wants_fragment
from opsportal.core.models import VersionConflictError

ENTRIES: Final = "incidents/_entries.html"
_COMMANDS: Final = (
    ("Update", "megaphone", "update", "update_post"),
    ("Decision", "flag", "decision", "entry_log"),
    ("Severity", "target", "severity", "incident_set_severity"),
    ("Role", "user", "role", "role_assign"),
    ("Status", "arrow-right", "status", "incident_advance"),
    ("Runbook", "book-open", "runbook", "runbook_start"),
)


def composer_context(
    request: AuthorizedRequest, incident: Incident, *, text: str = "", error: str = ""
) -> dict[str, Any]:
    """The field, its buttons, and what was typed when it was refused."""
    return {
        "composer_id": f"incident-{incident.pk}-composer",
        "can_log": allows(request.actor, "incidents.entry_log", incident),
        "corrects": corrects(request, incident),
        "quick": [
            {"label": label, "glyph": glyph, "href": f"{incident.url}{path}/", "usage": USAGE[path]}
            for label, glyph, path, action in _COMMANDS
            if allows(request.actor, f"incidents.{action}", incident)
        ],
        "commands": [f"/{name} " for name in USAGE],
        "client_key": new_key(),
        "composer_text": text,
        "composer_error": error,
    }


def corrects(request: AuthorizedRequest, incident: Incident) -> int | str:
    """Whose lines this person may correct: "all", the own ones (the user's id), or none (0)."""

    def may(author_id: int | None) -> bool:
        line = TimelineEntry(incident=incident, author_id=author_id)
        return allows(request.actor, "incidents.entry_correct", line)

    if may(None):
        return "all"
    return request.actor.user_id or 0 if may(request.actor.user_id) else 0


@require_action("incidents.entry_log", methods=WRITE)
def entry_new(request: AuthorizedRequest, number: int) -> HttpResponse:
    """One line. Answers htmx with the new entries and an empty composer, a plain post with the page."""
    incident = load(request, number, "incidents.entry_log")
    form = ComposerForm(request.POST)
    if not form.is_valid():
        return _refused(request, incident, " ".join(str(error) for errors in form.errors.values() for error in errors))
    data = form.cleaned_data
    try:
        command = parse(data["text"], now=now(), zone=local_zone())
        authorize_line(request.actor, incident, command)
        composer_run(
            by=request.actor,
            at=now(),
            incident=incident,
            expected=data["version"],
            command=command,
            client_key=data["client_key"],
        )
    except (CommandError, *REFUSALS) as error:
        return _refused(request, incident, str(error))
    except VersionConflictError:
        incident.refresh_from_db()
        return _refused(
            request,
            incident,
            "Someone changed the incident a moment ago: look at it, then send this again.",
            status=409,
        )
    return _answer(request, incident, data["last"] or 0)


def fresh_context(incident: Incident, last: int) -> dict[str, Any]:
    """The lines since number `last`, where those belong that are late, and which lines are here to jump to."""
    fresh = selectors.entries_after(incident, last)
    here = {entry.pk for entry in fresh.entries}
    return {"fresh": fresh, "places": places(fresh.entries, fresh.before), "here": here}


def _answer(request: AuthorizedRequest, incident: Incident, last: int) -> HttpResponse:
    if not wants_fragment(request):
        return redirect_or_fragment(request, f"{incident.url}#incident-{incident.pk}-composer")
    incident.refresh_from_db()
    context = composer_context(request, incident) | fresh_context(incident, last) | {"incident": incident}
    body = render_fragment(request, ENTRIES, "fresh", context)
    body += render_fragment(request, ENTRIES, "composer", context | {"is_oob": True})
    response = HttpResponse(body)
    # A command also changed the head; without an event stream it would show so only at the next poll.
    response["HX-Trigger"] = f'{{"live": {{"target": "#incident-{incident.pk}-head"}}}}'
    return response


def _refused(request: AuthorizedRequest, incident: Incident, error: str, *, status: int = 422) -> HttpResponse:
    """The composer again, with what was typed and why it was not taken."""
    text = request.POST.get("text", "")[:10_000]
    context = composer_context(request, incident, text=text, error=error) | {"incident": incident, "is_oob": False}
    if not wants_fragment(request):
        return render_page(request, "incidents/entry_new.html", context, status=status)
    response = HttpResponse(render_fragment(request, ENTRIES, "composer", context), status=status)
    response["HX-Retarget"] = f"#incident-{incident.pk}-composer"
    response["HX-Reswap"] = "outerHTML"
    return response
