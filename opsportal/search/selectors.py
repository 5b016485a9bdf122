"""What the command palette finds: pages, actions, records. Everything passes the reader's own rights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse

from incidents.selectors import incidents_that_say, recent_incidents
from maintenance.models import ChecklistRun
from maintenance.selectors import checklist_runs, due_checklist_runs
from opsportal.core.actor import Actor
from opsportal.core.gate import allows
from opsportal.core.shell import NavItem
from opsportal.knowledge.selectors.decisions import found_decisions
from opsportal.knowledge.selectors.runbooks import found_runbooks
from opsportal.plans.selectors import plans
from opsportal.platforms.models import Service

PER_KIND: Final = 6
EXCERPT: Final = 90
OTHER_PAGES: Final = (
    ("list", "Queue", "mild incidents and quiet alarms", "incidents:queue"),
    ("search", "Problems", "causes behind incidents", "incidents:problems"),
    ("message-square", "User reports", "what users told us", "incidents:user-reports"),
    ("clock", "Clocks", "due next, missed, how well kept", "incidents:clocks"),
    ("file-chart-column", "Incident figures", "how quickly, how often", "reports:incidents"),
    ("layers", "Dashboards", "key metrics, shared and your own", "monitoring:dashboards"),
    ("contrast", "Wallboard", "for a screen on the wall", "dashboard:wall"),
    ("calendar", "Calendar of reviews", "in your own calendar", "incidents:calendar"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the palette."""

    kind: str
    icon: str
    text: str
    note: str
    url: str


def page_hits(nav: Iterable[NavItem], text: str) -> Sequence[Hit]:
    """Lines of the rail, and the help, whose label contains the words."""
    pages = [Hit("Pages", item.icon, item.label, "", item.url) for item in nav]
    pages += [Hit("Pages", icon, label, note, reverse(route)) for icon, label, note, route in OTHER_PAGES]
    pages.append(Hit("Pages", "circle-question-mark", "Help", "words, keys, where to find what", reverse("core:help")))
    return [hit for hit in pages if text.casefold() in hit.text.casefold()]


def action_hits(actor: Actor, at: datetime, text: str) -> Sequence[Hit]:
    """What the reader may do now."""
    hits = []
    if allows(actor, "incidents.incident_declare"):
        hits.append(Hit("Actions", "siren", "Declare incident", "i", reverse("incidents:declare")))
    if allows(actor, "incidents.report_add"):
        url = reverse("incidents:user-report-new")
        hits.append(Hit("Actions", "message-square", "Record a user's report", "", url))
    if allows(actor, "incidents.problem_write"):
        hits.append(Hit("Actions", "search", "Open a problem record", "", reverse("incidents:problem-new")))
    if allows(actor, "maintenance.log_write"):
        url = reverse("maintenance:operations-log")
        hits.append(Hit("Actions", "notebook-pen", "Write to the operations log", "", url))
    if allows(actor, "maintenance.item_answer"):
        hits += [_list_hit("Actions", f"Go on with {run.name}", run) for run in due_checklist_runs(actor, at, None)[:3]]
    return [hit for hit in hits if text.casefold() in hit.text.casefold()]


def record_hits(actor: Actor, at: datetime, text: str) -> Sequence[Hit]:
    """Incidents by title and by what was said, lists, services, decisions and plans; nothing without words."""
    if not text:
        return []
    incidents = [
        Hit("Incidents", "siren", row.title, f"{row.reference} · {row.platform_key}", row.url)
        for row in recent_incidents(actor, text, now=at, limit=PER_KIND)
    ]
    runs = checklist_runs(actor).filter(name__icontains=text).order_by("-slot_at", "-pk")[:PER_KIND]
    services = Service.objects.visible_to(actor).filter(name__icontains=text).select_related("platform")
    waiting = plans(actor).filter(title__icontains=text).order_by("-requested_at", "-pk")[:PER_KIND]
    said = [
        Hit("Said in incidents", "message-square", _excerpt(row.text, text), f"INC-{row.number} · {row.title}", row.url)
        for row in incidents_that_say(actor, text, limit=PER_KIND)
    ]
    return [
        *incidents,
        *said,
        *(
            Hit("Services", "activity", row.name, row.platform.key, reverse("monitoring:service", args=[row.pk]))
            for row in services.order_by("name", "pk")[:PER_KIND]
        ),
        *(_list_hit("Checklists", run.name, run) for run in runs),
        *(
            Hit("Runbooks", "book-open", row.title, row.platform.key, row.get_absolute_url())
            for row in found_runbooks(actor, text, limit=PER_KIND)
        ),
        *(
            Hit("Decisions", "scale", row.title, row.platform.key, reverse("knowledge:decision-detail", args=[row.pk]))
            for row in found_decisions(actor, text, limit=PER_KIND)
        ),
        *(
            Hit("Plans", "file-check", row.title, row.short_hash, reverse("plans:plan", args=[row.pk]))
            for row in waiting
        ),
    ]


def _excerpt(body: str, text: str) -> str:
    """The part of a long text around the first word typed."""
    line = " ".join(body.split())
    found = line.casefold().find(text.split(maxsplit=1)[0].casefold())
    start = max(0, found - EXCERPT // 3)
    cut = line[start : start + EXCERPT]
    return f"{'…' if start else ''}{cut}{'…' if start + EXCERPT < len(line) else ''}"


def _list_hit(kind: str, text: str, run: ChecklistRun) -> Hit:
    return Hit(kind, "list-checks", text, run.platform.key, reverse("maintenance:checklist-run", args=[run.pk]))
