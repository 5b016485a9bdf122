"""The checklist report: done, late and missed per list; print and CSV; each figure opens its runs."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse

from incidents.figures.periods import PeriodError
from incidents.figures.periods import period as period_of
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import bounded_int
from opsportal.core.htmx import render_page
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines
from opsportal.reports.checklists.selectors import OUTCOMES, compliance, report_runs

VIEW: Final = "reports.checklist_view"
HEAD: Final = ("platform", "list", "done_in_time", "done_late", "missed", "share_in_time", "last_missed_at_utc")


def _span(text: str, at: datetime) -> tuple[str, datetime, datetime]:
    """Key, beginning and end of a period; raises BadRequest."""
    try:
        found = period_of(text, at)
    except PeriodError as error:
        raise BadRequest(str(error)) from error
    return found.key, found.since, found.until


def _views(chosen: str, at: datetime) -> list[dict[str, object]]:
    this = at.replace(day=1)
    last = this - timedelta(days=1)
    base = reverse("reports:checklists")
    options = [("30 days", "30d"), (f"{last:%B}", f"{last:%Y-%m}"), (f"{this:%B}", f"{this:%Y-%m}")]
    return [{"label": label, "href": f"{base}?period={key}", "current": key == chosen} for label, key in options]


def _platform_id(request: AuthorizedRequest) -> int | None:
    platform = selected_platform(request)
    return platform.pk if platform else None


@require_action(VIEW)
def checklist_report(request: AuthorizedRequest) -> HttpResponse:
    """`?period=30d|2026-10`: one row per list."""
    at = now()
    period, since, until = _span(request.GET.get("period", ""), at)
    rows = compliance(request.actor, since, until, _platform_id(request))
    context = {
        "rows": rows,
        "period": period,
        "since": since,
        "until": until,
        "period_views": _views(period, at),
        "totals": {name: sum(getattr(row, name) for row in rows) for name in OUTCOMES},
    }
    return render_page(request, "reports/checklist_report.html", context)


@require_action(VIEW)
def checklist_rows(request: AuthorizedRequest) -> HttpResponse:
    """The runs behind a figure: `?outcome=done|late|missed`, `?list=` for one list, `?period=`."""
    period, since, until = _span(request.GET.get("period", ""), now())
    outcome, template = request.GET.get("outcome", ""), bounded_int(request.GET.get("list", ""))
    runs = report_runs(request.actor, since, until, _platform_id(request))
    if outcome in OUTCOMES:
        runs = runs.filter(OUTCOMES[outcome])
    if template is not None:
        runs = runs.filter(template_id=template)
    page = keyset_page(runs, order=("-due_at", "-id"), cursor=request.GET.get("cursor"), size=50)
    context = {"page": page, "outcome": outcome, "period": period, "since": since, "until": until}
    return render_page(request, "reports/checklist_rows.html", context)


@require_action(VIEW)
def checklist_csv(request: AuthorizedRequest) -> HttpResponse:
    """The report's rows as CSV; the share as a fraction of one."""
    period, since, until = _span(request.GET.get("period", ""), now())
    rows = (
        (
            row.platform_key, row.name, row.done, row.late, row.missed,
            None if row.share is None else f"{row.share:.6f}",
            row.last_missed_at and row.last_missed_at.astimezone(UTC).isoformat(),
        )
        for row in compliance(request.actor, since, until, _platform_id(request))
    )  # fmt: skip
    return HttpResponse(
        csv_lines(HEAD, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="checklists-{period}.csv"'},
    )
