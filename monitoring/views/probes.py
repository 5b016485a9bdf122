"""The portal's own probes: list, one with its answers, the editor with a try."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from monitoring.forms.probes import ProbeForm
from monitoring.models import Probe
from monitoring.probing.asking import Outcome, ProbeError, ask
from monitoring.selectors.declared import probes_named
from monitoring.selectors.probes import day_counts, probe_page, probes_of, result_page, series_of
from monitoring.services.probes import MAY_CHANGE, probe_add, probe_change, question_of
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now, real_now
from opsportal.core.gate import allows, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Link, Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.probe_view"
EDIT: Final = "monitoring.probe_edit"


@require_action(VIEW)
def probes(request: AuthorizedRequest) -> HttpResponse:
    """Every probe the person may see, what fails first."""
    at, chosen = now(), selected_platform(request)
    page = probe_page(request.actor, at=at, platform_id=chosen.pk if chosen else None, cursor=request.GET.get("cursor"))
    editable = Platform.objects.filter(pk__in=platforms_where(request.actor, EDIT)).order_by("name", "pk")
    named = probes_named(request.actor, chosen.pk if chosen else None)
    context = {"page": page, "editable": list(editable), "named": named, "at": at}
    return render_page(request, "monitoring/probe_list.html", context)


def _loaded(request: AuthorizedRequest, pk: int, action: str) -> Probe:
    return permitted(request.actor, action, probes_of(request.actor, at=now()), pk=pk)


@require_action(VIEW)
def probe(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One probe: its charts, its answers one by one."""
    found, at = _loaded(request, pk, VIEW), now()
    failed_only = request.GET.get("only") == "failed"
    base = reverse("monitoring:probe", args=[pk])
    context = {
        "probe": found,
        "page": result_page(found, failed_only=failed_only, cursor=request.GET.get("cursor")),
        "failed_only": failed_only,
        "answer_views": [
            {"label": "All", "href": base, "current": not failed_only},
            {"label": "Not fine", "href": f"{base}?only=failed", "current": failed_only},
        ],
        "series": series_of(found),
        "day": day_counts(found, at=at),
        "may_edit": allows(request.actor, EDIT, found),
        "at": at,
    }
    return render_page(request, "monitoring/probe_detail.html", context)


@require_action(EDIT, methods=READ_WRITE)
def probe_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Make a probe of that platform, or try it."""
    platform = platform_for(EDIT, request.actor, key)
    return _tried(request, platform, None) if "try" in request.POST else _editor(request, platform, None)


@require_action(EDIT, methods=READ_WRITE)
def probe_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change, pause or try a probe."""
    found = _loaded(request, pk, EDIT)
    platform = found.platform
    return _tried(request, platform, found) if "try" in request.POST else _editor(request, platform, found)


def _declared(platform: Platform, found: Probe | None) -> list[Link]:
    """The addresses a pack names; none of them is asked before somebody says so."""
    named = platform.links.filter(key__contains="health", url__startswith="http").order_by("key")
    return [] if found else list(named)


def _form(request: AuthorizedRequest, platform: Platform, found: Probe | None, declared: list[Link]) -> ProbeForm:
    like = next((link for link in declared if link.key == request.GET.get("link")), None)
    initial: dict[str, Any] = {"version": 0}
    if found:
        initial = {name: getattr(found, name) for name in (*MAY_CHANGE, "version")}
    elif like:
        initial |= {"key": like.key, "name": like.name, "kind": "http", "address": like.url}
    return ProbeForm(request.POST or None, platform=platform, is_new=found is None, initial=initial)


def _page(request: AuthorizedRequest, platform: Platform, found: Probe | None, **shown: Any) -> HttpResponse:
    context = {"platform": platform, "probe": found, "action": request.path, "key": new_key()} | shown
    return render_page(request, "monitoring/probe_edit.html", context, status=shown.get("status", 200))


def _tried(request: AuthorizedRequest, platform: Platform, found: Probe | None) -> HttpResponse:
    """Ask once; nothing is kept. In no transaction: an answer may take 10 s, and none of it is to be replayed."""
    declared = _declared(platform, found)
    form = _form(request, platform, found, declared)
    outcome: Outcome | None = None
    if form.is_valid():
        try:
            outcome = ask(question_of(platform, form.values()), at=real_now())
        except ProbeError as error:
            form.add_error(None, str(error))
    status = 200 if outcome else 422
    return _page(request, platform, found, form=form, declared=declared, outcome=outcome, status=status)


@idempotent
def _editor(request: AuthorizedRequest, platform: Platform, found: Probe | None) -> HttpResponse:
    declared = _declared(platform, found)
    form = _form(request, platform, found, declared)
    if request.method == "POST" and form.is_valid():
        try:
            return _saved(request, platform, found, form)
        except ProbeError as error:
            form.add_error(None, str(error))
    status = 422 if request.method == "POST" else 200
    return _page(request, platform, found, form=form, declared=declared, outcome=None, status=status)


def _saved(request: AuthorizedRequest, platform: Platform, found: Probe | None, form: ProbeForm) -> HttpResponse:
    by, at, values = request.actor, now(), form.values()
    if found is None:
        kept = probe_add(by=by, at=at, platform=platform, key=form.cleaned_data["key"], values=values)
    else:
        kept = probe_change(by=by, at=at, probe=found, expected=form.cleaned_data["version"], values=values)
    messages.success(
        request, f"{kept.name} is asked every {kept.every} s." if kept.enabled else f"{kept.name} is paused."
    )
    return redirect_or_fragment(request, reverse("monitoring:probe", args=[kept.pk]))
