"""Pages: the list, declaring, one incident, its parts."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect

from incidents import selectors
from incidents.choices import TRIAGE_ANSWERS, StateChoice
from incidents.lifecycle import State, time_states
from incidents.models import Incident
from incidents.registries.triage_choices import choice_of
from incidents.selectors import IncidentFilter
from incidents.selectors.beside import Beside
from incidents.selectors.detail import EARLIER, NEWEST
from incidents.selectors.links import alarms_of, links_of, merged_of, problem_of, reports_of
from incidents.selectors.runbooks import runbook_pane
from incidents.selectors.situation import advice_for
from incidents.selectors.waves import waves_of
from incidents.services.acts import acts_offered
from incidents.services.base import TIMES
from incidents.types import TRIAGE, defaults
from incidents.views.composer import composer_context
from incidents.views.lines import TASKS, tasks_context
from incidents.views.shared import PANES, head_context, load, now
from incidents.views.timeline import fresh_context, timeline_context
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.freshness import kept, revalidated
from opsportal.core.htmx import redirect_or_fragment, render_page, wants_fragment
from opsportal.core.markdown import clean_text
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines

PERIODS: Final = (("30", "Last 30 days"), ("92", "Last 92 days"), ("", "Any time"))
VIEWS: Final = (
    ("", "All"),
    ("open", "Open"),
    ("review-due", "Review due"),
    ("no-commander", "No commander"),
    ("critical", "Critical, last 92 days"),
    ("mine", "Commanded by me"),
)
RANKS: Final = (
    ("", "Any severity"),
    ("1", "1 critical"),
    ("2", "2 high"),
    ("3", "3 medium"),
    ("4", "4 low"),
    ("5", "5"),
)


def asked_of(request: AuthorizedRequest, at: datetime) -> IncidentFilter:
    """The list's filter as the address says; what makes no sense narrows nothing."""
    get = request.GET
    platform = selected_platform(request)
    days = get.get("days", "")
    state = get.get("state", "")
    return IncidentFilter(
        platform_id=platform.pk if platform else None,
        state=state if state in StateChoice.values else "",
        rank=int(get["rank"]) if get.get("rank", "") in {"1", "2", "3", "4", "5"} else None,
        service=clean_text(get.get("service", ""))[:120],
        since=at - timedelta(days=int(days)) if days in {"30", "92"} else None,
        text=clean_text(get.get("q", ""))[:200],
        view=get.get("view", "") if get.get("view", "") in dict(VIEWS) else "",
    )


@require_action("incidents.incident_view")
@revalidated
def incident_list(request: AuthorizedRequest) -> HttpResponse:
    """Open ones first, then the record, newest first."""
    at = now()
    asked = asked_of(request, at)
    cursor = request.GET.get("cursor")
    page = selectors.incident_page(request.actor, asked, now=at, cursor=cursor)
    opened = [] if cursor or asked.is_narrowed else selectors.open_rows(request.actor, asked, now=at)
    summary = kept(
        request,
        request.actor,
        f"incidents:{asked.platform_id}",
        lambda: selectors.list_summary(request.actor, asked.platform_id, now=at),
    )
    counts = {"open": summary.open, "review-due": summary.reviews_due, "no-commander": summary.without_commander}
    context = {
        "now": at,
        "asked": asked,
        "page": page,
        "opened": opened,
        "scores": selectors.clock_scores(request.actor, [row.pk for row in (*opened, *page.rows)]),
        "summary": summary,
        "views": [
            {
                "label": label,
                "href": f"?view={key}" if key else "?",
                "current": asked.view == key,
                "count": counts.get(key) or None,
            }
            for key, label in VIEWS
        ],
        "periods": PERIODS,
        "ranks": RANKS,
        "states": [("", "Any state"), *StateChoice.choices],
        "days": request.GET.get("days", ""),
    }
    return render_page(request, "incidents/incident_list.html", context, fragment="rows")


_EXPORT: Final = (
    "number", "platform__key", "service__name", "severity__label", "rank", "title", "type", "state",
    "detection_source", "impact_started_at", "detected_at", "declared_at", "acknowledged_at", "mitigated_at",
    "resolved_at", "closed_at", "commander__name", "users_affected", "cause", "resolution",
)  # fmt: skip


@require_action("incidents.incident_export")
def incident_export(request: AuthorizedRequest) -> StreamingHttpResponse:
    """The filtered list as CSV."""
    at = now()
    rows = selectors.filtered(request.actor, asked_of(request, at), now=at)
    cells = rows.order_by("-number").values_list(*_EXPORT).iterator(chunk_size=500)
    lines = csv_lines([name.replace("__", "_") for name in _EXPORT], cells)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="incidents-{at:%Y-%m-%d}.csv"'
    return response


@require_action("incidents.incident_view")
def incident_detail(request: AuthorizedRequest, number: int) -> HttpResponse:
    """One incident; `?part=head`, `?part=tasks` and `?tab=` answer with that part alone when htmx asks."""
    at = now()
    incident = load(request, number, "incidents.incident_view")
    if request.GET.get("part") == "head" and wants_fragment(request):
        return render_page(request, DETAIL, head_context(request, incident, at), fragment="head")
    if request.GET.get("part") == "tasks" and wants_fragment(request):
        context = {**tasks_context(request, incident), "incident": incident, "now": at}
        return render_page(request, TASKS, context, fragment="tasks")
    wanted = bounded_int(request.GET.get("entry", ""))
    if wanted is not None and (address := entry_address(incident, wanted)):
        return redirect(address)
    tab = request.GET.get("tab", "")
    is_pane = bool(tab) and wants_fragment(request)
    around = None if is_pane else selectors.beside(request.actor, incident)
    context = {
        **pane_context(request, incident, tab if tab in PANES else first_pane(incident), at, around),
        "now": at,
        "incident": incident,
    }
    if around is None:
        return render_page(request, DETAIL, context | {"can": acts_offered(request.actor, incident)}, fragment="pane")
    limit = bounded_int(request.GET.get("before", ""))
    context |= head_context(request, incident, at, around.roles) | composer_context(request, incident)
    context |= timeline_context(request, incident, around, at, limit)
    return render_page(request, DETAIL, context)


DETAIL: Final = "incidents/incident_detail.html"


def entry_address(incident: Incident, pk: int) -> str:
    """The address of the page of the timeline that this line stands on; "" when the incident has no such line."""
    numbers = dict(incident.entries.filter(pk=pk).values_list("pk", "number"))
    if pk not in numbers:
        return ""
    is_newest = not incident.entries.filter(number__gte=numbers[pk] + NEWEST).exists()
    before = numbers[pk] + EARLIER // 2  # half a page of what came after it stands below the line
    return f"{incident.url}{'' if is_newest else f'?before={before}'}#entry-{pk}"


def pane_context(
    request: AuthorizedRequest, incident: Incident, tab: str, at: datetime, around: Beside | None = None
) -> dict[str, Any]:
    """The working pane: only what its open tab shows is read."""
    context: dict[str, Any] = {
        "tab": tab,
        "tabs": [
            {"label": label, "href": f"{incident.url}?tab={key}", "current": key == tab, "count": None}
            for key, label in PANES.items()
            if key != "changes" or key == tab  # the situation shows them, and leads to all of them
        ],
    }
    if tab == "triage":
        context |= triage_context(incident) | {"waves": waves_of(incident)}
    if tab in ("situation", "triage"):
        context |= tasks_context(request, incident, around.tasks if around else None)
    if tab == "runbook":
        context |= runbook_pane(request.actor, incident)
    elif tab == "metrics":
        context["metrics"] = selectors.metrics_of(incident)
        context["alarms"] = selectors.alarms_nearby(incident)
        context["chart_start"], context["chart_end"] = selectors.chart_span(incident, at)
    elif tab == "changes":
        context["changes"] = selectors.changes_nearby(incident)
    elif tab == "comms":
        context["updates"] = selectors.updates_of(incident)
    elif tab == "related":
        context |= related_context(request, incident, at)
        context["action_items"] = selectors.action_items_of(incident)
    return context


def first_pane(incident: Incident) -> str:
    """What a new incident asks for is the situation; once it is over, its record."""
    return "situation" if incident.is_open else "triage"


def triage_context(incident: Incident) -> dict[str, Any]:
    """Questions, answers, what severity they speak for, and how each time of the record stands."""
    choice, severities = choice_of(incident.platform_id), selectors.severities_of(incident.platform_id)
    is_asked = incident.is_open and bool(incident.triage)
    times = {name: getattr(incident, name) for name in TIMES}
    states = time_states(times, State(incident.state))
    return {
        "questions": TRIAGE,
        "checklist": defaults(incident.type).checklist,
        "answers": dict(TRIAGE_ANSWERS),
        "advice": advice_for(incident.triage, severities, incident.rank, choice) if is_asked else None,
        "times": [
            (name.removesuffix("_at").replace("_", " ").capitalize(), times[name], states[name].value) for name in TIMES
        ],
    }


def related_context(request: AuthorizedRequest, incident: Incident, at: datetime) -> dict[str, Any]:
    """What it belongs to, as far as the reader may know of it."""
    return {
        "related": selectors.related_incidents(request.actor, incident, now=at),
        "linked": links_of(request.actor, incident),
        "merged": merged_of(request.actor, incident),
        "alarms": alarms_of(incident),
        "comes_from": problem_of(incident),
        "reports": reports_of(incident),
    }


@require_action("incidents.incident_view")
def incident_entries(request: AuthorizedRequest, number: int) -> HttpResponse:
    """What was recorded since `?after=`: lines to append, never to replace what is being read."""
    incident = load(request, number, "incidents.incident_view")
    if not wants_fragment(request):
        return redirect_or_fragment(request, incident.url)
    last = bounded_int(request.GET.get("after", "")) or 0
    context = {
        "incident": incident,
        **fresh_context(request, incident, last),
        "composer_id": f"incident-{incident.pk}-composer",
    }
    return render_page(request, "incidents/_entries.html", context, fragment="fresh")
