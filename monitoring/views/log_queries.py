"""Saved questions to the logs: the list, one with its runs, the editor, a run with what it found (M-MET-07)."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse

from monitoring.forms.log_queries import LogAskForm, LogQueryForm
from monitoring.insights.lint import lint_query
from monitoring.logs import named_groups
from monitoring.models import LogQuery, LogRun
from monitoring.selectors.log_queries import LINES, estimate, kept_lines, newest_runs, queries_of, query_page, run_page
from monitoring.services.log_queries import (
    MAY_CHANGE,
    LogQueryError,
    log_query_add,
    log_query_ask,
    log_query_change,
    log_run_stop,
)
from opsportal.core.actions import READ_WRITE, WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.forms import bounded_int
from opsportal.core.gate import allows, permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.shell import selected_platform
from opsportal.core.spreadsheets import csv_lines
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.log_query_view"
EDIT: Final = "monitoring.log_query_edit"
ASK: Final = "monitoring.log_query_ask"
READ: Final = "monitoring.log_lines_view"
ALL_LINES: Final = 1_000


@require_action(VIEW)
def log_queries(request: AuthorizedRequest) -> HttpResponse:
    """Every saved question the person may see, with its newest run."""
    chosen, service = selected_platform(request), request.GET.get("service", "")[:60]
    page = query_page(
        request.actor,
        platform_id=chosen.pk if chosen else None,
        service=service,
        cursor=request.GET.get("cursor"),
    )
    editable = Platform.objects.filter(pk__in=platforms_where(request.actor, EDIT)).order_by("name", "pk")
    context = {"page": page, "runs": newest_runs(page.rows), "editable": list(editable), "service": service}
    return render_page(request, "monitoring/log_query_list.html", context)


def _loaded(request: AuthorizedRequest, pk: int, action: str) -> LogQuery:
    return permitted(request.actor, action, queries_of(request.actor), pk=pk)


@require_action(VIEW)
def log_query(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One question: what it asks, what asking costs, its runs."""
    query = _loaded(request, pk, VIEW)
    return _page(request, query, LogAskForm(initial={"minutes": query.minutes}))


def _page(request: AuthorizedRequest, query: LogQuery, form: LogAskForm, *, status: int = 200) -> HttpResponse:
    at = now()
    context = {
        "saved": query,
        "form": form,
        "findings": lint_query(query.text),
        "guide_findings": lint_query(query.guide_text) if query.guide_text else [],
        "groups": named_groups(query.service),
        "estimate": estimate(query, at - timedelta(minutes=query.minutes), at),
        "page": run_page(query, cursor=request.GET.get("cursor")),
        "may_edit": allows(request.actor, EDIT, query),
        "may_ask": allows(request.actor, ASK, query),
        "key": new_key(),
        "at": at,
    }
    return render_page(request, "monitoring/log_query_detail.html", context, status=status)


@require_action(ASK, methods=WRITE)
@idempotent
def log_query_ask_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Have a worker ask it."""
    query = _loaded(request, pk, ASK)
    form = LogAskForm(request.POST)
    if form.is_valid():
        minutes, until = form.cleaned_data["minutes"], form.cleaned_data["until"]
        try:
            run = log_query_ask(by=request.actor, at=now(), query=query, minutes=minutes, until=until)
        except LogQueryError as error:
            form.add_error(None, str(error))
        else:
            return redirect_or_fragment(request, reverse("monitoring:log-run", args=[run.pk]))
    return _page(request, query, form, status=422)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def log_query_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Write a question of that platform."""
    return _editor(request, platform_for(EDIT, request.actor, key), None)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def log_query_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change a question; its runs keep what they asked."""
    query = _loaded(request, pk, EDIT)
    return _editor(request, query.platform, query)


def _editor(request: AuthorizedRequest, platform: Platform, query: LogQuery | None) -> HttpResponse:
    initial: dict[str, Any] = {"version": 0}
    if query is not None:
        initial = {name: getattr(query, name) for name in (*MAY_CHANGE, "version")}
    form = LogQueryForm(request.POST or None, platform=platform, is_new=query is None, initial=initial)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                kept = _saved(request, platform, query, form, at=now())
            except LogQueryError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{kept.name} is kept.")
                return redirect_or_fragment(request, reverse("monitoring:log-query", args=[kept.pk]))
    context = {
        "form": form,
        "platform": platform,
        "saved": query,
        "action": request.path,
        "key": new_key(),
    }
    return render_page(request, "monitoring/log_query_edit.html", context, status=status)


def _saved(
    request: AuthorizedRequest, platform: Platform, query: LogQuery | None, form: LogQueryForm, *, at: datetime
) -> LogQuery:
    if query is None:
        key = form.cleaned_data["key"]
        return log_query_add(by=request.actor, at=at, platform=platform, key=key, values=form.values())
    expected = form.cleaned_data["version"]
    return log_query_change(by=request.actor, at=at, query=query, expected=expected, values=form.values())


def _loaded_run(request: AuthorizedRequest, pk: int, action: str) -> LogRun:
    rows = LogRun.objects.visible_to(request.actor).select_related("query__service", "platform")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def log_run(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """One run: how it goes, what it cost, and for whoever may read logs the lines it found."""
    run = _loaded_run(request, pk, VIEW)
    may_read = allows(request.actor, READ, run)
    first = bounded_int(request.GET.get("first", "")) or 1
    context = {
        "run": run,
        "may_read": may_read,
        "may_ask": allows(request.actor, ASK, run),
        "kept": kept_lines(run, first=first, size=LINES) if may_read else None,
        "key": new_key(),
        "at": now(),
    }
    return render_page(request, "monitoring/log_run.html", context, fragment="run")


@require_action(ASK, methods=WRITE)
@idempotent
def log_run_stop_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Stop a run that goes on."""
    run = _loaded_run(request, pk, ASK)
    stopped = log_run_stop(by=request.actor, at=now(), run=run)
    if stopped.is_open:
        messages.success(request, "It is being stopped; what was found until then is kept.")
    return redirect_or_fragment(request, reverse("monitoring:log-run", args=[run.pk]))


@require_action(READ)
def log_run_csv(request: AuthorizedRequest, pk: int) -> StreamingHttpResponse:
    """The lines a run kept, masked as they are."""
    run = _loaded_run(request, pk, READ)
    kept = kept_lines(run, size=ALL_LINES)
    columns, rows = (kept.answer.columns, kept.rows) if kept else ([], [])
    response = StreamingHttpResponse(csv_lines(columns, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="log-run-{run.pk}.csv"'
    return response
