"""The index of runbooks, one runbook with its versions, and the form that writes one."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.utils.timezone import localdate

from opsportal.core import clock, shell
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.comparison import compare
from opsportal.core.forms import BIGGEST, bounded_int
from opsportal.core.freshness import revalidated
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.knowledge.forms import TEMPLATE, RunbookForm
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.models.runbooks import TRIGGERS
from opsportal.knowledge.runbooks.text import parse
from opsportal.knowledge.selectors.runbooks import (
    problems,
    runbook_rows,
    runs_of,
    version_numbered,
    versions_of,
    wanted_changes,
)
from opsportal.knowledge.services import runbooks
from opsportal.knowledge.services.runbooks import RunbookError, runbook_add
from opsportal.knowledge.views.shared import platform_to_write

VIEW, WRITE, RUN = "knowledge.runbook_view", "knowledge.runbook_write", "knowledge.runbook_run"
FORM: Final = "knowledge/runbook_edit.html"
VIEWS: Final = (("", "All"), ("review-due", "Review due"), ("never-run", "Never run"), ("not-written", "Not written"))


def load(request: AuthorizedRequest, platform: str, slug: str, action: str) -> Runbook:
    """A runbook this person may know, for `action`. Raises HiddenError, DeniedError."""
    rows = Runbook.objects.visible_to(request.actor).select_related("platform", "current__author")
    return permitted(request.actor, action, rows, platform__key=platform, slug=slug)


@require_action(VIEW)
@revalidated
def runbook_list(request: AuthorizedRequest) -> HttpResponse:
    """Every runbook, those that are only named among them."""
    platform = shell.selected_platform(request)
    platform_id = platform.pk if platform else None
    text = clean_text(request.GET.get("q", ""))[:80].strip()
    view = request.GET.get("view", "")
    view = view if view in dict(VIEWS) else ""
    rows = runbook_rows(request.actor, platform_id=platform_id, text=text, view=view, today=localdate(clock.now()))
    context = {
        "rows": rows,
        "text": text,
        "view": view,
        "views": [
            {"label": label, "href": f"?view={key}" if key else "?", "current": view == key} for key, label in VIEWS
        ],
        "many_platforms": platform is None,
        "may_write": allows(request.actor, WRITE),
    }
    return render_page(request, "knowledge/runbook_list.html", context, fragment="list")


@require_action(VIEW)
def runbook_detail(request: AuthorizedRequest, platform: str, slug: str) -> HttpResponse:
    """One runbook; `?version=` shows an older one, `?since=` what changed since that one."""
    runbook = load(request, platform, slug, VIEW)
    asked = version_numbered(runbook, bounded_int(request.GET.get("version", "")))
    shown = asked or runbook.current
    since = version_numbered(runbook, bounded_int(request.GET.get("since", "")))
    context = {
        "runbook": runbook,
        "shown": shown,
        "is_old": shown is not None and shown.pk != runbook.current_id,
        "parsed": shown.parsed if shown else None,
        "problems": problems(shown.body) if shown else (),
        "since": since,
        "changes": compare(since.body, shown.body) if since and shown else [],
        "versions": versions_of(runbook),
        "runs": runs_of(request.actor, runbook),
        "wanted": wanted_changes(request.actor, runbook),
        "triggers": [(name, runbook.trigger(name)) for name in TRIGGERS if runbook.trigger(name)],
        "today": localdate(clock.now()),
        "may_write": allows(request.actor, WRITE, runbook),
        "may_run": allows(request.actor, RUN, runbook),
        "key": new_key(),
    }
    return render_page(request, "knowledge/runbook_detail.html", context)


@require_action(WRITE, methods=READ_WRITE)
@idempotent
def runbook_new(request: AuthorizedRequest) -> HttpResponse:
    """Write a runbook from the template; `preview` shows it without publishing."""
    platform, platforms = platform_to_write(request, WRITE)
    alarm = clean_text(request.GET.get("alarm", ""))[:80]
    form = RunbookForm(request.POST or None, initial={"body": TEMPLATE, "alarms": alarm})
    extra: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid() and "preview" in request.POST:
            status, extra = 200, _preview(form)
        elif form.is_valid():
            try:
                runbook = runbook_add(
                    by=request.actor, at=clock.now(), platform=platform, slug=form.slug, draft=form.draft
                )
            except RunbookError as error:
                form.add_error(None, str(error))
                extra = _preview(form)
            else:
                messages.success(request, f"{runbook.title} is published.")
                return redirect_or_fragment(request, runbook.get_absolute_url())
    context = {
        "form": form,
        "platform": platform,
        "platforms": [(row.key, row.name) for row in platforms],
        "runbook": None,
        "key": new_key(),
        **_NO_PREVIEW,
        **extra,
    }
    return render_page(request, FORM, context, status=status)


@require_action(WRITE, methods=READ_WRITE)
@idempotent
def runbook_edit(request: AuthorizedRequest, platform: str, slug: str) -> HttpResponse:
    """Publish another version; `preview` shows it without publishing."""
    runbook = load(request, platform, slug, WRITE)
    form = RunbookForm(request.POST or None, initial=_initial(runbook))
    version: Any = bounded_int(request.POST.get("version", "")) or runbook.version
    extra: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid() and "preview" in request.POST:
            status, extra = 200, _preview(form)
        elif form.is_valid():
            try:
                runbooks.runbook_edit(
                    by=request.actor, at=clock.now(), runbook=runbook, expected=min(version, BIGGEST), draft=form.draft
                )
            except RunbookError as error:
                form.add_error(None, str(error))
                extra = _preview(form)
            except VersionConflictError:
                runbook = load(request, platform, slug, WRITE)
                status, version = 409, runbook.version
                form.add_error(None, _FASTER)
                theirs = runbook.current.body if runbook.current else ""
                extra = {"theirs": compare(theirs, form.draft.body)}
            else:
                messages.success(request, "Published as a new version.")
                return redirect_or_fragment(request, runbook.get_absolute_url())
    context = {
        "form": form,
        "platform": runbook.platform,
        "platforms": [],
        "runbook": runbook,
        "version": version,
        "key": new_key(),
        **_NO_PREVIEW,
        **extra,
    }
    return render_page(request, FORM, context, status=status)


_FASTER: Final = (
    "Someone published a version while you wrote. Your text is still here; what it would change in theirs stands "
    "below. Take over what is missing, then publish."
)
_NO_PREVIEW: Final[dict[str, Any]] = {"parsed": None, "problems": (), "theirs": []}


def _preview(form: RunbookForm) -> dict[str, Any]:
    body = form.draft.body
    return {"parsed": parse(body), "problems": problems(body)}


def _initial(runbook: Runbook) -> dict[str, Any]:
    triggers = {name: ", ".join(runbook.trigger(name)) for name in TRIGGERS}
    own = {name: getattr(runbook, name) for name in ("title", "summary", "owner", "review_due")}
    return {**own, **triggers, "body": runbook.current.body if runbook.current else TEMPLATE}
