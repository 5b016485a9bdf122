"""The board of clocks: what is due next, what was missed, how well each kind is kept."""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse

from incidents.choices import ClockKind
from incidents.figures.periods import PeriodError, choices, period
from incidents.selectors.clocks import (
    LISTS,
    PAST,
    WORKING,
    ClockFilter,
    clock_counts,
    clock_page,
    clock_rows,
    met_rates,
)
from incidents.views.shared import now
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.forms import bounded_int
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines

KINDS: Final = [
    ("", "Any clock"),
    (WORKING, "All but reviews"),
    *((kind.value, kind.label) for kind in ClockKind if kind != ClockKind.PAGE),
]
HEAD: Final = (
    "incident", "platform", "severity", "clock", "round", "outcome", "rule", "started_at", "due_at", "stopped_at",
)  # fmt: skip


def _asked(request: AuthorizedRequest, at: datetime) -> ClockFilter:
    """`?kind=`, `?period=` and `?of=` (a platform's id, beside the switcher). Raises BadRequest."""
    platform = selected_platform(request)
    own = bounded_int(request.GET.get("of", ""))
    kind = request.GET.get("kind", "")
    try:
        span = period(request.GET.get("period", ""), at)
    except PeriodError as error:
        raise BadRequest(str(error)) from error
    platform_id = own if own is not None else platform.pk if platform else None
    return ClockFilter(platform_id=platform_id, kind=kind if kind in (*ClockKind.values, WORKING) else "", period=span)


def _list(request: AuthorizedRequest) -> str:
    name = request.GET.get("list", "")
    return name if name in LISTS else "running"


@require_action("incidents.clock_view")
def clock_board(request: AuthorizedRequest) -> HttpResponse:
    """One list of clocks, `?list=running|paused|unnumbered|missed|met|due`, beside how well each kind is kept."""
    at = now()
    asked, name = _asked(request, at), _list(request)
    counts = clock_counts(request.actor, asked)
    kept = f"&kind={asked.kind}&period={asked.period.key}"
    kept += f"&of={asked.platform_id}" if "of" in request.GET and asked.platform_id is not None else ""
    context: dict[str, Any] = {
        "now": at,
        "asked": asked,
        "list": name,
        "is_past": name in PAST,
        "page": clock_page(request.actor, name, asked, request.GET.get("cursor")),
        "views": [
            {"label": words, "href": f"?list={key}{kept}", "current": key == name, "count": counts[key] or None}
            for key, (words, _, _) in LISTS.items()
        ],
        "rates": met_rates(request.actor, asked),
        "kinds": KINDS,
        "periods": choices(at),
        "csv": f"{reverse('incidents:clocks-csv')}?list={name}{kept}",
    }
    return render_page(request, "incidents/clock_board.html", context, fragment="rows")


@require_action("incidents.clock_view")
def clock_csv(request: AuthorizedRequest) -> StreamingHttpResponse:
    """The list as CSV."""
    at = now()
    name = _list(request)
    cells = (
        (
            f"INC-{row.number}", row.platform_key, row.label, row.kind, row.round, row.outcome, row.rule,
            row.started_at, row.due_at, row.stopped_at,
        )
        for row in clock_rows(request.actor, name, _asked(request, at))
    )  # fmt: skip
    response = StreamingHttpResponse(csv_lines(HEAD, cells), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="clocks-{name}-{at:%Y-%m-%d}.csv"'
    return response
