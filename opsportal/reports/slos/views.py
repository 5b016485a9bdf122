"""The SLO report: one row per objective, one of them in depth; print and CSV."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from monitoring.drawings import drawings
from monitoring.selectors.marks import freezes_over
from monitoring.selectors.slo_detail import slo_detail
from monitoring.selectors.slo_report import SloRow, slo_rows, slos_of
from monitoring.slo.periods import Period, PeriodError, choices, parse
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows
from opsportal.core.htmx import VARY, render_page, wants_fragment
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines
from opsportal.platforms.days import zone_of

HEAD = (
    "platform", "objective", "target", "raw", "adjusted", "good", "total", "left_out_total", "budget_events",
    "budget_left", "budget_left_minutes", "burn_1h", "forecast", "coverage", "before", "state", "as_of",
)  # fmt: skip


def _zone(request: AuthorizedRequest) -> ZoneInfo:
    """Whose months these are: the chosen platform's, UTC's for all of them."""
    platform = selected_platform(request)
    return zone_of(platform.pk) if platform else ZoneInfo("UTC")


def _period(request: AuthorizedRequest, at: datetime) -> Period:
    """`?period=`; raises BadRequest."""
    try:
        return parse(request.GET.get("period", ""), at, _zone(request))
    except PeriodError as error:
        raise BadRequest(str(error)) from error


def _views(request: AuthorizedRequest, chosen: Period) -> list[dict[str, object]]:
    base = reverse("reports:slo")
    return [
        {"label": label, "href": f"{base}?period={key}", "current": key == chosen.key}
        for key, label in choices(chosen.at, _zone(request))
    ]


def _rows(request: AuthorizedRequest, period: Period) -> list[SloRow]:
    platform = selected_platform(request)
    return slo_rows(slos_of(request.actor, platform_id=platform.pk if platform else None), period)


def _cells(rows: Sequence[SloRow], period: Period) -> list[list[object]]:
    return [
        [
            row.slo.platform.key, row.slo.name, row.objective, row.raw, row.adjusted, row.count.good, row.count.total,
            row.count.xtotal, row.budget.events, row.budget.left, row.budget.left_minutes, row.burn_1h, row.forecast,
            row.coverage, row.before, row.health, period.until.isoformat(),
        ]
        for row in rows
    ]  # fmt: skip


@require_action("monitoring.slo_view")
def slo_report(request: AuthorizedRequest) -> HttpResponse:
    """`?period=30d|2026-w47|2026-10|2026-q4|2026|…` and `?slo=` for the one shown in depth (the worst otherwise)."""
    period = _period(request, now())
    rows = _rows(request, period)
    wanted = request.GET.get("slo", "")
    chosen = next((row for row in rows if str(row.slo.pk) == wanted), rows[0] if rows else None)
    detail = slo_detail(chosen, period) if chosen else None
    drawn = drawings(detail, period) if detail else None
    # The burn-down is heavy: the page fetches it after itself, or by a link where there is no script.
    is_drawing = request.GET.get("part") == "left"
    if is_drawing and drawn and wants_fragment(request):
        response = HttpResponse(drawn.left)
        patch_vary_headers(response, VARY)
        return response
    digest = hashlib.sha256(repr(_cells(rows, period)).encode()).hexdigest()[:8]
    context = {
        "period": period,
        "period_views": _views(request, period),
        "rows": rows,
        "words": {word: sum(row.health == word for row in rows) for word in ("met", "at_risk", "exhausted", "no_data")},
        "chosen": chosen,
        "detail": detail,
        "drawings": drawn,
        "is_drawn": is_drawing,
        "digest": digest,
        "can_set_policy": chosen is not None and allows(request.actor, "monitoring.budget_policy_set", chosen.slo),
        "can_approve": chosen is not None and allows(request.actor, "monitoring.slo_exclusion_approve", chosen.slo),
        "frozen": freezes_over(request.actor, chosen.slo, now()) if chosen else (),
        "can_freeze": chosen is not None and allows(request.actor, "maintenance.freeze_set", chosen.slo),
        "person": request.actor.user_id,
        "can_void": chosen is not None and allows(request.actor, "monitoring.slo_exclusion_void", chosen.slo),
    }
    return render_page(request, "reports/slo_report.html", context)


@require_action("monitoring.slo_export")
def slo_csv(request: AuthorizedRequest) -> HttpResponse:
    """The report's rows as CSV, shares as fractions of one."""
    period = _period(request, now())
    lines = csv_lines(HEAD, _cells(_rows(request, period), period))
    name = f"slo-report-{period.key}.csv"
    return HttpResponse(
        lines, content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip
