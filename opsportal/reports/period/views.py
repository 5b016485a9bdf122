"""The report of a period as a page and as files, live and as it was published."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.template.loader import get_template
from django.urls import reverse
from django.utils.http import urlencode

from monitoring.selectors.slo_report import WORST_FIRST, slo_rows, slos_of
from monitoring.selectors.usefulness import BEGINS, PAGES
from monitoring.slo.periods import Period, PeriodError, calendar, choices, parse, rolling
from opsportal.core.actions import WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import bounded_int
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import part_response, redirect_or_fragment, render_page, wants_fragment
from opsportal.core.idempotency import idempotent
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform, Service
from opsportal.platforms.selectors import platform_for
from opsportal.reports.models import Commentary, PublishedReport
from opsportal.reports.period.body import (
    canonical,
    newest_commentary,
    objective_body,
    reader_of,
    report_body,
)
from opsportal.reports.period.drawing import drawn, revived
from opsportal.reports.period.export import HEAD, figure_rows
from opsportal.reports.period.forms import CommentaryForm
from opsportal.reports.period.parts import backup_results, fired_in
from opsportal.reports.period.services import CommentaryConflictError, ReportError, commentary_write, report_publish
from opsportal.reports.period.verification import is_untouched

VIEW: Final = "reports.period_view"
EXPORT: Final = "reports.period_export"
PAGE: Final = 50
FIRST: Final = 2  # objectives told in full with the page, worst first; the others follow it
LATER_PARTS: Final[Mapping[str, Any]] = {  # which an edition of an earlier format has not
    "alarms": None, "drills": None, "drills_count": None,
}  # fmt: skip


class Asked(NamedTuple):
    """Which report a request is about."""

    platform: Platform
    service: Service | None
    period: Period

    @property
    def query(self) -> str:
        return urlencode({"period": self.period.key} | ({"service": self.service.key} if self.service else {}))


def _asked(request: AuthorizedRequest, key: str, action: str) -> Asked:
    """`?period=` (the running month unless said) and `?service=`. Raises Http404, BadRequest."""
    platform = platform_for(action, request.actor, key)
    at, zone = now(), zone_of(platform.pk)
    text = request.GET.get("period", "") or calendar("month", at.astimezone(zone).date(), at, zone).key
    try:
        period = parse(text, at, zone)
    except PeriodError as error:
        raise BadRequest(str(error)) from error
    named = request.GET.get("service", "")
    service = Service.objects.filter(platform=platform, key=named).first() if named else None
    if named and service is None:
        raise BadRequest("This platform has no such service.")
    return Asked(platform, service, period)


def _piece(request: AuthorizedRequest, body_of: Callable[[int | None], Mapping[str, Any]]) -> HttpResponse | None:
    """What the page asks for after itself: one objective's drawings (`?part=`), or the objectives it left out."""
    if not wants_fragment(request):
        return None
    part = bounded_int(request.GET.get("part", ""))
    if part is not None:
        return part_response(drawn(body_of(part), part))
    if not request.GET.get("rest"):
        return None
    body = body_of(None)
    told = _told(request, body)
    context = {"rows": [one for one in body["objectives"] if one not in told], "p": body["period"]}
    return part_response(get_template("reports/_objectives.html").render(context, request))


def _told(request: AuthorizedRequest, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objectives told in full with the page: the worst, and the one that `?detail=` asks for without a script."""
    wanted = bounded_int(request.GET.get("detail", ""))
    return [one for place, one in enumerate(body["objectives"]) if place < FIRST or one["id"] == wanted]


@require_action(VIEW)
def period_report(request: AuthorizedRequest, key: str) -> HttpResponse:
    """The report as it stands now."""
    asked = _asked(request, key, VIEW)
    piece = _piece(request, lambda slo_id: revived(json.loads(canonical(objective_body(*asked, slo_id)))))
    return piece or _report_page(request, asked, CommentaryForm(initial=_written(asked)))


def _written(asked: Asked) -> dict[str, Any]:
    newest = newest_commentary(asked.platform, asked.service, asked.period.key)
    return {"number": newest.number if newest else 0, "text": newest.text if newest else ""}


def _report_page(request: AuthorizedRequest, asked: Asked, form: CommentaryForm, status: int = 200) -> HttpResponse:
    body = revived(json.loads(canonical(report_body(*asked))))
    platform, service, period = asked
    base = reverse("reports:period", args=[platform.key])
    kept = {"service": service.key} if service else {}
    offered = choices(period.at, zone_of(platform.pk))
    versions = Commentary.objects.filter(platform=platform, service=service, period_key=period.key)
    editions = PublishedReport.objects.filter(platform=platform, service=service, period_key=period.key)
    context = {
        "body": body,
        "told": _told(request, body),
        "asked": asked,
        "form": form,
        "period_views": [
            {"label": name, "href": f"{base}?{urlencode({'period': one} | kept)}", "current": one == period.key}
            for one, name in offered
        ],
        "services": list(platform.services.order_by("name").values_list("key", "name")),
        "versions": list(versions.order_by("-number")[:20]),
        "editions": list(editions.defer("body").order_by("-number")[:5]),
        "edition": None,
        "is_fixed": bool(period.zone),
        "can_write": allows(request.actor, "reports.commentary_write", platform),
        "can_publish": allows(request.actor, "reports.publish", platform),
        "can_schedule": allows(request.actor, "reports.schedule_view", platform),
    }
    return render_page(request, "reports/period_report.html", context, status=status)


@require_action("reports.commentary_write", methods=WRITE)
@idempotent
def commentary_action(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Keep a new version of the commentary."""
    asked = _asked(request, key, "reports.commentary_write")
    form = CommentaryForm(request.POST)
    if form.is_valid():
        try:
            commentary_write(
                by=request.actor, at=now(), platform=asked.platform, service=asked.service, period=asked.period,
                expected=form.cleaned_data["number"], text=form.cleaned_data["text"],
            )  # fmt: skip
        except CommentaryConflictError as error:
            theirs = f" Theirs: {error.newest.text}" if error.newest else ""
            form.add_error("text", f"{error}{theirs}")
            form.data = {**request.POST.dict(), "number": str(error.newest.number if error.newest else 0)}
            return _report_page(request, asked, form, 409)
        except ReportError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, "The commentary is kept; earlier versions stay.")
            return redirect_or_fragment(request, f"{reverse('reports:period', args=[key])}?{asked.query}")
    return _report_page(request, asked, form, 422)


@require_action("reports.publish", methods=WRITE)
@idempotent
def publish_action(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Freeze the report as it stands."""
    asked = _asked(request, key, "reports.publish")
    try:
        edition = report_publish(
            by=request.actor, at=now(), platform=asked.platform, service=asked.service, period=asked.period
        )
    except ReportError as error:
        raise BadRequest(str(error)) from error
    messages.success(request, f"Published as edition {edition.number}.")
    return redirect_or_fragment(request, edition.get_absolute_url())


def _csv(body: Mapping[str, Any], name: str) -> HttpResponse:
    return HttpResponse(
        csv_lines(HEAD, figure_rows(body)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _json(text: bytes | str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return HttpResponse(text, content_type="application/json", headers=headers)


@require_action(EXPORT)
def period_csv(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Every figure of the live report, one a row."""
    asked = _asked(request, key, EXPORT)
    return _csv(json.loads(canonical(report_body(*asked))), f"report-{key}-{asked.period.key}")


@require_action(EXPORT)
def period_json(request: AuthorizedRequest, key: str) -> HttpResponse:
    """The live report as data."""
    asked = _asked(request, key, EXPORT)
    return _json(canonical(report_body(*asked)), f"report-{key}-{asked.period.key}")


@require_action(VIEW)
def backup_rows(request: AuthorizedRequest, key: str) -> HttpResponse:
    """The backup checks behind a figure: `?check=&verdict=`."""
    asked = _asked(request, key, VIEW)
    rows = backup_results(reader_of(asked.platform), asked.period)
    for name, field in (("check", "check_name"), ("verdict", "verdict")):
        if request.GET.get(name):
            rows = rows.filter(**{field: request.GET[name]})
    page = keyset_page(rows, order=("-created_at", "-pk"), cursor=request.GET.get("cursor"), size=PAGE)
    return render_page(request, "reports/backup_rows.html", {"asked": asked, "page": page})


@require_action(VIEW)
def firing_rows(request: AuthorizedRequest, key: str) -> HttpResponse:
    """The firings behind the ranking of alarms: `?alarm=`, `?only=pages`."""
    asked = _asked(request, key, VIEW)
    rows = fired_in(reader_of(asked.platform), *asked).select_related("alarm", "severity")
    alarm, is_paging = bounded_int(request.GET.get("alarm", "")), request.GET.get("only") == "pages"
    rows = rows if alarm is None else rows.filter(alarm_id=alarm)
    rows = rows.filter(PAGES if is_paging else BEGINS)
    page = keyset_page(rows, order=("-at", "-pk"), cursor=request.GET.get("cursor"), size=PAGE)
    context = {"asked": asked, "page": page, "is_paging": is_paging}
    return render_page(request, "reports/firing_rows.html", context)


@require_action(VIEW)
def published_list(request: AuthorizedRequest) -> HttpResponse:
    """Every published report, the newest first."""
    platform = selected_platform(request)
    rows = PublishedReport.objects.visible_to(request.actor).of_platform(platform.pk if platform else None)
    rows = rows.select_related("platform", "service").defer("body")
    page = keyset_page(rows, order=("-published_at", "-id"), cursor=request.GET.get("cursor"), size=PAGE)
    return render_page(request, "reports/published_list.html", {"page": page, "platform": platform})


def _edition(request: AuthorizedRequest, pk: int, action: str) -> PublishedReport:
    rows = PublishedReport.objects.visible_to(request.actor).select_related("platform", "service")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def published(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """A report as it was published."""
    edition = _edition(request, pk, VIEW)
    body = revived(json.loads(edition.body))
    if piece := _piece(request, lambda _: body):
        return piece
    context = {
        "body": LATER_PARTS | body, "edition": edition, "is_whole": is_untouched(edition), "asked": None,
        "told": _told(request, body),
    }  # fmt: skip
    return render_page(request, "reports/period_report.html", context)


@require_action(EXPORT)
def published_csv(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Every figure of a published report, one a row."""
    edition = _edition(request, pk, EXPORT)
    return _csv(json.loads(edition.body), f"report-{edition.platform.key}-{edition.period_key}-{edition.number}")


@require_action(EXPORT)
def published_json(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The very bytes that were hashed."""
    edition = _edition(request, pk, EXPORT)
    return _json(edition.body, f"report-{edition.platform.key}-{edition.period_key}-{edition.number}")


@require_action(VIEW)
def standing(request: AuthorizedRequest) -> HttpResponse:
    """Every objective by how it stands over the last 30 days: exhausted, at risk, healthy, no data."""
    platform = selected_platform(request)
    period = rolling(now())
    rows = slo_rows(slos_of(request.actor, platform_id=platform.pk if platform else None), period)
    groups = {name: [row for row in rows if row.health == name] for name in WORST_FIRST}
    return render_page(request, "reports/standing.html", {"groups": groups, "period": period, "count": len(rows)})
