"""The timeline of one incident: what of it is shown, its lines one by one, its exports."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from csp.decorators import csp_update
from django.http import HttpResponse, StreamingHttpResponse
from markupsafe import Markup

from incidents import selectors
from incidents.choices import MarkKind
from incidents.errors import IncidentError
from incidents.exports import timeline as transcripts
from incidents.forms.lines import FilterForm, MarkForm
from incidents.models import EntryMark, Incident, TimelineEntry
from incidents.selectors.beside import ALL, Beside, marks_of, pinned, tags_of, words
from incidents.selectors.detail import EARLIER, ENTRY_COLUMNS, NEWEST, EntryView, unread_by
from incidents.selectors.order import places
from incidents.services.graphs import kept_points
from incidents.services.marks import entry_pin, entry_star, entry_tag, look_note
from incidents.views.shared import load, now
from opsportal.core import charts
from opsportal.core.actions import WRITE, ActionView, AuthorizedRequest, require_action
from opsportal.core.formats import number as figure
from opsportal.core.formats import stamp
from opsportal.core.gate import HiddenError, allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page

LINE: Final = "incidents/entry_detail.html"
FILTERS: Final = ("kind", "by", "tag", "q", "starred")


def filter_form(incident: Incident, data: Mapping[str, Any]) -> FilterForm | None:
    """The filter that the address names or opens; without one no form is made, so nothing is read for it."""
    is_asked = "filter" in data or any(data.get(name) for name in FILTERS)
    return FilterForm(data, incident=incident) if is_asked else None


def filter_query(data: Mapping[str, Any]) -> str:
    """The filter as it goes on in links: "kind=log&by=3"."""
    return urlencode([(name, data[name]) for name in FILTERS if data.get(name)])


def timeline_context(
    request: AuthorizedRequest, incident: Incident, around: Beside, at: datetime, before: int | None
) -> dict[str, Any]:
    """The lines of the page, what is pinned above them, and where the reader left off."""
    form = filter_form(incident, request.GET)
    asked = form.asked(request.actor.user_id) if form else ALL
    entries = selectors.entries_page(incident, before=before, asked=asked)
    context = {
        "entries": entries,
        "places": places(entries.entries),
        "here": {entry.pk for entry in entries.entries},
        "is_past": before is not None,
        "show_all": "entries" in request.GET or before is not None or asked.is_narrowed,
        "is_narrowed": asked.is_narrowed,
        "pins": around.pins,
        "words": around.words,
        "contact": at,
        "filter_form": form,
        "filter_query": filter_query(request.GET),
        "tags": tags_of(incident) if form else [],
    }
    return context | _unread(request, incident, around, at, entries.last_number, is_whole=asked == ALL and not before)


def _unread(
    request: AuthorizedRequest, incident: Incident, around: Beside, at: datetime, last: int, *, is_whole: bool
) -> dict[str, Any]:
    """The first line since the reader's visit before this one; a look at the newest lines is noted."""
    look, user_id = around.look, request.actor.user_id
    if is_whole and user_id is not None:
        look = look_note(user_id=user_id, at=at, incident=incident, look=look, number=last)
    if look is None or look.since_number is None or look.since_number >= look.last_number:
        return {"unread": None}
    new = unread_by(user_id, incident, after=look.since_number, upto=look.last_number)
    if new is None:
        return {"unread": None}
    first, count = new
    is_here = is_whole and first > last - NEWEST
    address = "#unread" if is_here else f"?before={first + EARLIER // 2}#unread"
    return {"unread": first, "unread_count": count, "unread_since": look.since_at,
            "unread_address": address}  # fmt: skip


def fresh_context(
    request: AuthorizedRequest, incident: Incident, last: int, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The lines since number `last`, where those belong that are late, and what is pinned by now."""
    data = request.GET if given is None else given
    form = filter_form(incident, data)
    asked = form.asked(request.actor.user_id) if form else ALL
    fresh = selectors.entries_after(incident, last, asked)
    marks = marks_of(request.actor, incident)
    return {
        "fresh": fresh,
        "places": places(fresh.entries, fresh.before),
        "here": {entry.pk for entry in fresh.entries},
        "filter_query": filter_query(data),
        "is_narrowed": asked.is_narrowed,
        "pins": pinned(marks),
        "words": words(marks),
        "contact": now(),
    }


def entry_of(request: AuthorizedRequest, number: int, entry_number: int, action: str) -> TimelineEntry:
    """Line `entry_number` of INC-`number`, for `action` on it. Raises HiddenError, DeniedError."""
    incident = load(request, number, "incidents.incident_view")
    return permitted(request.actor, action, incident.entries.select_related("author"), number=entry_number)


def line_address(entry: TimelineEntry) -> str:
    """The page of one line."""
    return f"{entry.incident.url}log/{entry.number}/"


@require_action("incidents.incident_view")
def entry_detail(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
    """One line: its text, what it was before, its file or figures, its marks."""
    entry = entry_of(request, number, entry_number, "incidents.incident_view")
    return _line_page(request, entry)


def _line_page(request: AuthorizedRequest, entry: TimelineEntry, *, error: str = "", status: int = 200) -> HttpResponse:
    marks = [mark for mark in marks_of(request.actor, entry.incident) if mark.entry_id == entry.pk]
    kinds = {mark.kind for mark in marks}
    context = {
        "incident": entry.incident,
        "entry": EntryView(*TimelineEntry.objects.filter(pk=entry.pk).values_list(*ENTRY_COLUMNS).get()),
        "history": _history(entry),
        "is_pinned": MarkKind.PIN in kinds,
        "is_starred": MarkKind.STAR in kinds,
        "entry_tags": [mark.text for mark in marks if mark.kind == MarkKind.TAG],
        "may_mark": allows(request.actor, "incidents.entry_mark", entry),
        "may_star": allows(request.actor, "incidents.entry_star", entry),
        "may_correct": allows(request.actor, "incidents.entry_correct", entry),
        "file": getattr(entry, "attachment", None) if entry.kind == "file" else None,
        "graph": _kept(entry) if entry.kind == "graph" else None,
        "error": error,
    }
    return render_page(request, LINE, context, status=status)


def _history(entry: TimelineEntry) -> list[EntryView]:
    """What the line said before, and what was said instead, in the order of saying."""
    rows = {
        row.pk: row
        for row in (
            EntryView(*values)
            for values in TimelineEntry.objects.filter(incident=entry.incident, kind=entry.kind)
            .exclude(supersedes=None, superseded_by=None)
            .order_by("number")
            .values_list(*ENTRY_COLUMNS)
        )
    }
    chain: list[EntryView] = []
    at: int | None = entry.pk
    while at is not None and at in rows:
        chain.insert(0, rows[at])
        at = rows[at].supersedes_id
    at = chain[-1].superseded_by_id if chain else None
    while at is not None and at in rows:
        chain.append(rows[at])
        at = rows[at].superseded_by_id
    return chain


def _kept(entry: TimelineEntry) -> dict[str, Any]:
    """The kept graph and its figures."""
    points, unit = kept_points(entry.data), entry.data["unit"]
    return {
        "title": entry.data["name"],
        "stat": entry.data["stat"],
        "svg": _drawn(entry),
        "rows": [(stamp(ts), figure(value, unit)) for ts, value in reversed(points)],
    }


def _drawn(entry: TimelineEntry) -> Markup:
    data = entry.data
    return charts.line_chart(
        [charts.Series(data["stat"], kept_points(data))],
        title=f"{data['name']}, {data['stat']}",
        unit=data["unit"],
        start=datetime.fromisoformat(data["start"]),
        end=datetime.fromisoformat(data["end"]),
    )


@csp_update({"style-src": charts.STYLE_SOURCE})
@require_action("incidents.incident_view")
def entry_graph(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
    """A kept graph as a file: drawn from what the line holds, so it never changes."""
    entry = entry_of(request, number, entry_number, "incidents.incident_view")
    if "points" not in entry.data:
        raise HiddenError("incidents.incident_view")
    response = HttpResponse(charts.standalone(_drawn(entry)), content_type="image/svg+xml")
    response["Cache-Control"] = "private, max-age=86400"
    return response


def _mark_view(name: str, action: str, set_mark: Any) -> ActionView:
    """Put a mark on a line or take it off."""

    def view(request: AuthorizedRequest, number: int, entry_number: int) -> HttpResponse:
        entry = entry_of(request, number, entry_number, action)
        form = MarkForm(request.POST)
        if not form.is_valid():
            return _line_page(request, entry, error="Write one word of at most 40 letters.", status=422)
        try:
            set_mark(request, entry, form.cleaned_data)
        except IncidentError as error:
            return _line_page(request, entry, error=str(error), status=422)
        return redirect_or_fragment(request, line_address(entry))

    view.__name__ = f"entry_{name}_action"
    view.__doc__ = f"Mark a line: {name}."
    return require_action(action, methods=WRITE)(view)


entry_pin_action = _mark_view(
    "pin",
    "incidents.entry_mark",
    lambda request, entry, data: entry_pin(by=request.actor, at=now(), entry=entry, on=data["on"]),
)
entry_tag_action = _mark_view(
    "tag",
    "incidents.entry_mark",
    lambda request, entry, data: entry_tag(by=request.actor, at=now(), entry=entry, word=data["word"], on=data["on"]),
)
entry_star_action = _mark_view(
    "star",
    "incidents.entry_star",
    lambda request, entry, data: entry_star(by=request.actor, at=now(), entry=entry, on=data["on"]),
)


def _marked(incident: Incident) -> dict[int, list[str]]:
    """Of each line with shared marks: "pinned" and its tags. Stars are a person's own and stay inside."""
    found: dict[int, list[str]] = {}
    rows = EntryMark.objects.filter(incident=incident).exclude(kind=MarkKind.STAR).order_by("kind", "text")
    for number, text in rows.values_list("entry__number", "text"):
        found.setdefault(number, []).append(text or "pinned")
    return found


def _download(incident: Incident, ending: str, media: str, lines: Iterator[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type=media)
    response["Content-Disposition"] = f'attachment; filename="{incident.reference}-timeline.{ending}"'
    return response


def _numbers(incident: Incident) -> dict[int, int]:
    """The number of each line that was corrected, by its key."""
    rows = TimelineEntry.objects.filter(incident=incident, superseded_by__isnull=False)
    return dict(rows.values_list("pk", "number"))


@require_action("incidents.incident_export")
def timeline_export(request: AuthorizedRequest, number: int) -> HttpResponse:
    """In which form."""
    incident = load(request, number, "incidents.incident_export")
    return render_page(request, "incidents/incident_export.html", {"incident": incident})


@require_action("incidents.incident_export")
def timeline_markdown(request: AuthorizedRequest, number: int) -> StreamingHttpResponse:
    """The whole timeline as Markdown, as it happened: a corrected line with the number of its correction."""
    incident = load(request, number, "incidents.incident_export")
    lines = transcripts.as_markdown(incident, selectors.whole_timeline(incident), _marked(incident))
    return _download(incident, "md", "text/markdown; charset=utf-8", lines)


@require_action("incidents.incident_export")
def timeline_csv(request: AuthorizedRequest, number: int) -> StreamingHttpResponse:
    """The same as a table."""
    incident = load(request, number, "incidents.incident_export")
    lines = transcripts.as_csv(selectors.whole_timeline(incident), _numbers(incident), _marked(incident))
    return _download(incident, "csv", "text/csv; charset=utf-8", lines)


@require_action("incidents.incident_export")
def timeline_json(request: AuthorizedRequest, number: int) -> StreamingHttpResponse:
    """The same for programs."""
    incident = load(request, number, "incidents.incident_export")
    entries = selectors.whole_timeline(incident)
    lines = transcripts.as_json(incident, entries, _numbers(incident), _marked(incident))
    return _download(incident, "json", "application/json", lines)
