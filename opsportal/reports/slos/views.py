"""The SLO report: one row per objective, one of them in depth; print and CSV."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from monitoring.drawings import drawings
from monitoring.selectors.slo_detail import slo_detail
from monitoring.selectors.slo_report import Period, SloRow, month, quarter, rolling, slo_rows, slos_of
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import allows
from opsportal.core.htmx import VARY, render_page, wants_fragment
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines

HEAD = (
    "platform", "objective", "target", "raw", "adjusted", "good", "total", "left_out_total", "budget_events",
    "budget_left", "budget_left_minutes", "burn_1h", "forecast", "coverage", "before", "state", "as_of",
)  # fmt: skip


def _period(text: str, at: datetime) -> Period:
    """`30d`, `2026-10` or `2026-q3`; raises BadRequest."""
    if text in ("", "30d"):
        return rolling(at)
    found = re.fullmatch(r"(20\d\d)-(?:q([1-4])|(0[1-9]|1[0-2]))", text)
    if found is None:
        raise BadRequest("A period is 30d, a month such as 2026-10, or a quarter such as 2026-q3.")
    year, number, name = int(found[1]), found[2], found[3]
    first = datetime(year, int(name) if name else 3 * int(number) - 2, 1, tzinfo=UTC)
    if first > at:
        raise BadRequest("This period has not begun.")
    return month(first, at) if name else quarter(first, at)


def _views(chosen: Period, at: datetime) -> list[dict[str, object]]:
    last = month(at.replace(day=1) - timedelta(days=1), at)
    options = [("30 days", "30d"), (f"{last.starts_at:%B}", last.key), (f"{at:%B}", month(at, at).key)]
    options.append(("Quarter", quarter(at, at).key))
    base = reverse("reports:slo")
    return [{"label": label, "href": f"{base}?period={key}", "current": key == chosen.key} for label, key in options]


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
    """`?period=30d|2026-10|2026-q4` and `?slo=` for the one shown in depth (the worst otherwise)."""
    at = now()
    period = _period(request.GET.get("period", ""), at)
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
        "period_views": _views(period, at),
        "rows": rows,
        "words": {word: sum(row.health == word for row in rows) for word in ("met", "at_risk", "exhausted", "no_data")},
        "chosen": chosen,
        "detail": detail,
        "drawings": drawn,
        "is_drawn": is_drawing,
        "digest": digest,
        "can_void": chosen is not None and allows(request.actor, "monitoring.slo_exclusion_void", chosen.slo),
    }
    return render_page(request, "reports/slo_report.html", context)


@require_action("monitoring.slo_export")
def slo_csv(request: AuthorizedRequest) -> HttpResponse:
    """The report's rows as CSV, shares as fractions of one."""
    period = _period(request.GET.get("period", ""), now())
    lines = csv_lines(HEAD, _cells(_rows(request, period), period))
    name = f"slo-report-{period.key}.csv"
    return HttpResponse(
        lines, content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip
