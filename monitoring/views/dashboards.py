"""Dashboards: the list, one with its charts, the editor that keeps a view or a copy, throwing away (M-MET-02)."""

from collections.abc import Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from monitoring.charting import Asked
from monitoring.forms.dashboards import DashboardForm, posted_charts, range_initial, rearranged, typed
from monitoring.models import Chart, Dashboard, Origin
from monitoring.ranges import Range, range_of, says_range
from monitoring.selectors import dashboards as reads
from monitoring.services.dashboards import (
    KEEP,
    SHARE,
    DashboardError,
    dashboard_add,
    dashboard_change,
    dashboard_delete,
    is_declared,
    needed_to_change,
)
from monitoring.views.charts import charts_response
from monitoring.views.ranges import range_context
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import VersionedForm, bounded_int
from opsportal.core.gate import allows, authorize, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Platform, Service
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.dashboard_view"


@require_action(VIEW)
def dashboards(request: AuthorizedRequest) -> HttpResponse:
    """Every dashboard the person may see, by name."""
    chosen, shown = selected_platform(request), request.GET.get("show", "")
    shown = shown if shown in Origin.values else ""
    page = reads.dashboard_page(
        request.actor, platform_id=chosen.pk if chosen else None, origin=shown, cursor=request.GET.get("cursor")
    )
    mine = Platform.objects.filter(pk__in=platforms_where(request.actor, KEEP)).order_by("name", "pk")
    base = reverse("monitoring:dashboards")
    views = [{"label": "All", "href": base, "current": not shown}]
    views += [
        {"label": one.label.capitalize(), "href": f"{base}?show={one}", "current": shown == one} for one in Origin
    ]
    context = {"page": page, "views": views, "platforms": list(mine)}
    return render_page(request, "monitoring/dashboard_list.html", context)


def _loaded(request: AuthorizedRequest, pk: int, action: str) -> Dashboard:
    """The dashboard, where the person may do `action` to it; what is everybody's takes the right to share."""
    found: Dashboard = get_object_or_404(reads.dashboards_of(request.actor), pk=pk)
    authorize(request.actor, action if action == VIEW else needed_to_change(found), found)
    return found


def _span(request: AuthorizedRequest, dashboard: Dashboard) -> Range:
    """What the address says, else what was saved."""
    at = now()
    return range_of(request, at) if says_range(request) else reads.saved_range(dashboard, at)


@require_action(VIEW)
def dashboard(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One dashboard in one range with one cursor; its charts follow as a part of their own."""
    found = _loaded(request, pk, VIEW)
    charts, span = found.shown, _span(request, found)
    may_change = allows(request.actor, needed_to_change(found), found)
    context = {
        "dashboard": found,
        "charts": reads.asked_charts(charts, reads.metrics_named(found.platform_id, charts)),
        **range_context(span, now()),
        "may_change": may_change and found.origin != Origin.PACK,
        "may_delete": may_change and not is_declared(found),
        "may_copy": allows(request.actor, KEEP, found.platform),
    }
    return render_page(request, "monitoring/dashboard_detail.html", context)


@require_action(VIEW)
def dashboard_charts(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Every chart of it in one answer: what they share is read once."""
    found = _loaded(request, pk, VIEW)
    charts = found.shown
    asked = reads.asked_charts(charts, reads.metrics_named(found.platform_id, charts))
    return charts_response(request, found.name, asked, _span(request, found))


@require_action(KEEP, methods=READ_WRITE)
def dashboard_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Keep a new one of that platform: empty, or from `?service=KEY` or `?copy=ID` with the range of the address."""
    platform = platform_for(KEEP, request.actor, key)
    if request.method == "POST":
        return _posted(request, platform, None)
    initial, charts = _begun(request, platform)
    return _editor(request, platform, None, _form(request, platform, None, initial=initial), charts)


def _begun(request: AuthorizedRequest, platform: Platform) -> tuple[dict[str, Any], list[Chart]]:
    """What a new one begins with."""
    at = now()
    initial: dict[str, Any] = {"version": 0, **range_initial(range_of(request, at))}
    if copied := request.GET.get("copy", ""):
        rows = reads.dashboards_of(request.actor, platform_id=platform.pk)
        origin: Dashboard = get_object_or_404(rows, pk=bounded_int(copied) or 0)
        own = {} if says_range(request) else range_initial(reads.saved_range(origin, at))
        return initial | own | {"name": f"{origin.name}, copy"[:120], "note": origin.note}, origin.shown
    if said := clean_text(request.GET.get("service", "")):
        service = get_object_or_404(Service, platform=platform, key=said)
        return initial | {"name": service.name}, reads.charts_of_service(service)
    return initial, []


@require_action(KEEP, methods=READ_WRITE)
def dashboard_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change it: nothing is stored until it is saved."""
    found = _loaded(request, pk, KEEP)
    if request.method == "POST":
        return _posted(request, found.platform, found)
    initial: dict[str, Any] = {name: getattr(found, name) for name in ("version", "name", "note")}
    initial |= range_initial(reads.saved_range(found, now()))
    form = _form(request, found.platform, found, initial=initial)
    return _editor(request, found.platform, found, form, found.shown)


def _form(request: AuthorizedRequest, platform: Platform, found: Dashboard | None, **more: Any) -> DashboardForm:
    offered = found is None or found.origin == Origin.OWN
    return DashboardForm(may_share=offered and allows(request.actor, SHARE, platform), **more)


def _posted(request: AuthorizedRequest, platform: Platform, found: Dashboard | None) -> HttpResponse:
    charts, do = posted_charts(request.POST), request.POST.get("do", "save")
    if do == "save":
        return _save(request, platform, found, charts)
    form = _form(request, platform, found, initial=typed(request.POST))
    charts, place = rearranged(charts, do, clean_text(request.POST.get("adding", "")))
    return _editor(request, platform, found, form, charts, pressed=(do.partition(":")[0], place))


@idempotent
def _save(
    request: AuthorizedRequest, platform: Platform, found: Dashboard | None, charts: Sequence[Chart]
) -> HttpResponse:
    form = _form(request, platform, found, data=request.POST)
    if form.is_valid():
        try:
            kept = _kept(request, platform, found, form, charts)
        except DashboardError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{kept.name} is kept.")
            return redirect_or_fragment(request, reverse("monitoring:dashboard", args=[kept.pk]))
    return _editor(request, platform, found, form, charts, status=422)


def _kept(
    request: AuthorizedRequest,
    platform: Platform,
    found: Dashboard | None,
    form: DashboardForm,
    charts: Sequence[Chart],
) -> Dashboard:
    by, at, values = request.actor, now(), form.values() | {"charts": charts}
    share = form.cleaned_data.get("share", False)
    if found is None:
        return dashboard_add(by=by, at=at, platform=platform, values=values, is_shared=share)
    expected = form.cleaned_data["version"]
    return dashboard_change(by=by, at=at, dashboard=found, expected=expected, values=values, share=share)


def _editor(
    request: AuthorizedRequest,
    platform: Platform,
    found: Dashboard | None,
    form: DashboardForm,
    charts: Sequence[Chart],
    *,
    status: int = 200,
    pressed: tuple[str, int] = ("", -1),
) -> HttpResponse:
    """The form; the focus follows what was moved by the button `pressed`, at its place."""
    asked = reads.asked_charts(charts, reads.metrics_named(platform.pk, charts))
    context = {
        "form": form,
        "platform": platform,
        "saved": found,
        "rows": [(chart, one, _stat_choices(one)) for chart, one in zip(charts, asked, strict=True)],
        "offered": reads.metrics_offered(platform),
        "pressed": pressed,
        "action": request.path,
        "key": new_key(),
    }
    return render_page(request, "monitoring/dashboard_edit.html", context, fragment="form", status=status)


def _stat_choices(asked: Asked) -> list[tuple[str, str]]:
    """The statistics to choose from; one that is read no more stays until another is chosen."""
    stats = dict.fromkeys([asked.stat, *asked.stats] if asked.stats else [])
    return [(stat, stat) for stat in stats]


@require_action(KEEP, methods=READ_WRITE)
@idempotent
def dashboard_throw_away(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Ask once, then throw it away."""
    found = _loaded(request, pk, KEEP)
    form = VersionedForm(request.POST or None, initial={"version": found.version})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                dashboard_delete(by=request.actor, at=now(), dashboard=found, expected=form.cleaned_data["version"])
            except DashboardError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{found.name} is gone.")
                return redirect_or_fragment(request, reverse("monitoring:dashboards"))
    context = {"dashboard": found, "form": form, "key": new_key()}
    return render_page(request, "monitoring/dashboard_delete.html", context, status=status)
