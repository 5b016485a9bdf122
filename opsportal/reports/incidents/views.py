"""The incident report: how quickly, how often, how well documented; print and CSV; each figure opens its rows."""

from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse

from incidents.figures.periods import Period, PeriodError, choices, period
from incidents.models import Incident
from incidents.selectors.documented import is_documented
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.htmx import render_page
from opsportal.core.pagination import Page, keyset_page
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines
from opsportal.reports.incidents.rows import ENDED_BADLY, changes_behind, incidents_behind, incidents_of_group
from opsportal.reports.incidents.selectors import GROUPS, NAMES, TIMES, report

VIEW: Final = "reports.incident_view"
PAGE: Final = 50
CHANGES: Final = {"rolled_back": "rollback", "failed": "change_failure"}  # by their mark in an address
HEAD: Final = (
    "figure", "group", "median_seconds", "p90_seconds", "n", "left_out", "part", "whole", "share",
    "before_median_seconds", "before_share", "before_n",
)  # fmt: skip


def _period(request: AuthorizedRequest, at: datetime) -> Period:
    try:
        return period(request.GET.get("period", ""), at)
    except PeriodError as error:
        raise BadRequest(str(error)) from error


def _platform_id(request: AuthorizedRequest) -> int | None:
    platform = selected_platform(request)
    return platform.pk if platform else None


def _views(asked: Period, at: datetime, base: str) -> list[dict[str, object]]:
    return [{"label": name, "href": f"{base}?period={key}", "current": key == asked.key} for key, name in choices(at)]


@require_action(VIEW)
def incident_report(request: AuthorizedRequest) -> HttpResponse:
    """`?period=30d|92d|2026-10`."""
    at = now()
    asked = _period(request, at)
    context = {
        "report": report(request.actor, asked, _platform_id(request)),
        "period": asked,
        "period_views": _views(asked, at, reverse("reports:incidents")),
        "titles": GROUPS,
    }
    return render_page(request, "reports/incident_report.html", context)


@require_action(VIEW)
def incident_csv(request: AuthorizedRequest) -> HttpResponse:
    """The figures as CSV: lengths in seconds, shares as a fraction of one."""
    asked = _period(request, now())
    found = report(request.actor, asked, _platform_id(request))
    rows: list[tuple[object, ...]] = [
        (
            row.key, "", _seconds(row.now.median), _seconds(row.now.p90), row.now.n, sum(row.now.excluded.values()),
            None, None, None, _seconds(row.before.median), None, row.before.n,
        )
        for row in found.times
    ]  # fmt: skip
    rows += [
        (
            row.key, "", None, None, row.now.whole, None, row.now.part, row.now.whole, row.now.value, None,
            row.before.value, row.before.whole,
        )
        for row in found.shares
    ]  # fmt: skip
    rows.append(
        (
            "deployment_frequency", "", None, None, None, None, found.deployments.count, None,
            found.deployments.per_week, None, found.deployments_before.per_week, found.deployments_before.count,
        )
    )  # fmt: skip
    rows += [
        (f"incidents_by_{name}", row.label, _seconds(row.recovered), None, row.count, row.count - row.n, *[None] * 6)
        for name, group in found.groups.items()
        for row in group
    ]
    return HttpResponse(
        csv_lines(HEAD, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="incident-figures-{asked.key}.csv"'},
    )


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 3)


@require_action(VIEW)
def incident_rows(request: AuthorizedRequest) -> HttpResponse:
    """The incidents behind a figure: `?figure=mttr`, `?figure=documented&only=1` (its part), `?by=service&key=7`."""
    asked, platform_id = _period(request, now()), _platform_id(request)
    name, group, key = (request.GET.get(part, "") for part in ("figure", "by", "key"))
    if group in GROUPS and not name:
        found = incidents_of_group(request.actor, asked, platform_id, group, key)
    else:
        only_part = request.GET.get("only") == "1"
        found = incidents_behind(request.actor, asked, platform_id, name, only_part=only_part)
    rows = found.rows.select_related("severity", "platform")
    page = keyset_page(rows, order=("-number",), cursor=request.GET.get("cursor"), size=PAGE)
    context = {
        "page": page,
        "values": found.values,
        "is_length": name in TIMES,
        "complete": _complete(page) if name == "documented" else None,
        "excluded": found.excluded,
        "title": found.title,
        "means": found.means,
        "period": asked,
    }
    return render_page(request, "reports/incident_rows.html", context)


def _complete(page: Page[Incident]) -> set[int]:
    """Those of a page whose record is whole."""
    numbers = [row.number for row in page.rows]
    return set(Incident.objects.filter(is_documented(), number__in=numbers).values_list("number", flat=True))


@require_action(VIEW)
def change_rows(request: AuthorizedRequest) -> HttpResponse:
    """The deployments behind the change figures; `?failed=1` those that failed, `?rolled_back=1` only rolled back."""
    asked, platform_id = _period(request, now()), _platform_id(request)
    only = next((name for part, name in CHANGES.items() if request.GET.get(part) == "1"), "")
    rows, followed = changes_behind(request.actor, asked, platform_id, only=only)
    page = keyset_page(rows, order=("-started_at", "-id"), cursor=request.GET.get("cursor"), size=PAGE)
    context = {
        "page": page,
        "blamed": followed,
        "ended_badly": ENDED_BADLY,
        "word": NAMES.get(only, "Changes"),
        "period": asked,
    }
    return render_page(request, "reports/change_rows.html", context)
