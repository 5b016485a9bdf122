"""RDS and backups: platforms' databases as they answered, as RDS has them, and what happened to them."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse

from monitoring.databases.questions import QUESTIONS
from monitoring.forms.databases import FIELDS, TargetDatabaseForm
from monitoring.models import TargetDatabase
from monitoring.selectors import databases as reads
from monitoring.services.databases import DatabaseNameError, database_read_request, target_database_put
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.clock import now
from opsportal.core.gate import permitted, platforms_where
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent, new_key
from opsportal.core.pagination import keyset_page
from opsportal.core.shell import selected_platform
from opsportal.platforms.models import Platform
from opsportal.platforms.selectors import platform_for

VIEW: Final = "monitoring.database_view"
READ: Final = "monitoring.database_read"
EDIT: Final = "monitoring.database_edit"
DATABASES: Final = 20
OPENED: Final = 3  # shown with every figure; the others as a line
ANSWERS: Final = 20
EVENTS: Final = 60
ROWS_SHOWN: Final = 60  # as many as fit into 40 kB; the API has all of an answer


def _platform_id(request: AuthorizedRequest) -> int | None:
    chosen = selected_platform(request)
    return chosen.pk if chosen else None


@require_action(VIEW)
def databases(request: AuthorizedRequest) -> HttpResponse:
    """Every database with its figures, backups, maintenance, parameters and events."""
    at, platform_id = now(), _platform_id(request)
    events = reads.rds_events(request.actor, platform_id=platform_id).order_by(*reads.NEWEST_EVENTS)
    editable = Platform.objects.filter(pk__in=platforms_where(request.actor, EDIT)).order_by("name", "pk")
    named = reads.databases_of(request.actor, platform_id=platform_id)
    page = keyset_page(named, order=reads.BY_NAME, cursor=request.GET.get("cursor"), size=DATABASES)
    cards = reads.cards_of(page.rows, at=at)
    opened = [card for card in cards if str(card.database.pk) == request.GET.get("database")] or cards[:OPENED]
    context = {
        "page": page,
        "opened": opened,
        "others": [card for card in cards if card not in opened],
        "rds": reads.rds_rows(request.actor, at=at, platform_id=platform_id),
        "maintenance": reads.pending_maintenance(request.actor, platform_id=platform_id),
        "comparisons": reads.comparisons(request.actor, platform_id=platform_id),
        "events": list(events[: reads.EVENTS_FIRST]),
        "unread": reads.unread_upkeep(request.actor),
        "may_read": set(platforms_where(request.actor, READ)),
        "editable": [row for row in editable if platform_id in {None, row.pk}],
        "stale_after": reads.STALE_AFTER,
        "old_after": reads.RESOURCES_STALE,
        "at": at,
    }
    part = "now" if request.GET.get("part") else None
    return render_page(request, "monitoring/database_list.html", context, fragment=part)


def _loaded(request: AuthorizedRequest, pk: int, action: str) -> TargetDatabase:
    rows = TargetDatabase.objects.visible_to(request.actor).select_related("platform", "environment", "poll")
    return permitted(request.actor, action, rows, pk=pk)


@require_action(VIEW)
def database_answer(request: AuthorizedRequest, pk: int, question: str) -> HttpResponse:
    """The rows behind one figure, how it is judged, and what it was before."""
    database = _loaded(request, pk, VIEW)
    if question not in QUESTIONS:
        raise Http404
    answers = reads.answers_of(database, question)
    asked = request.GET.get("answer", "")
    chosen = answers.filter(pk=int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 19 else answers
    answer = chosen.order_by(*reads.NEWEST_ANSWERS).first()
    if answer is None and asked:
        raise Http404
    page = keyset_page(
        answers.defer("rows"), order=reads.NEWEST_ANSWERS, cursor=request.GET.get("cursor"), size=ANSWERS
    )
    context = {
        "database": database,
        "question": QUESTIONS[question],
        "answer": answer,
        "rows": answer.rows[:ROWS_SHOWN] if answer else [],
        "page": page,
        "base": reverse("monitoring:database-answer", args=[pk, question]),
        "stale_after": reads.STALE_AFTER,
        "at": now(),
    }
    return render_page(request, "monitoring/database_answer.html", context)


@require_action(VIEW)
def rds_events(request: AuthorizedRequest) -> HttpResponse:
    """What happened to databases, by RDS, newest first."""
    source = request.GET.get("source", "")[:255]
    rows = reads.rds_events(request.actor, platform_id=_platform_id(request), source=source)
    page = keyset_page(rows, order=reads.NEWEST_EVENTS, cursor=request.GET.get("cursor"), size=EVENTS)
    return render_page(request, "monitoring/rds_events.html", {"page": page, "source": source})


@require_action(READ, methods=("POST",))
@idempotent
def database_read_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Have the worker ask the database now."""
    database = _loaded(request, pk, READ)
    if database_read_request(by=request.actor, at=now(), database=database):
        messages.success(request, f"{database.name} is being asked; its figures renew themselves here.")
    else:
        messages.info(request, f"{database.name} is being asked already.")
    return redirect_or_fragment(request, reverse("monitoring:databases"))


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def database_new(request: AuthorizedRequest, key: str) -> HttpResponse:
    """Name a database of that platform."""
    return _editor(request, platform_for(EDIT, request.actor, key), None)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def database_edit(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """Change how a database is reached."""
    found = _loaded(request, pk, EDIT)
    return _editor(request, found.platform, found)


def _editor(request: AuthorizedRequest, platform: Platform, found: TargetDatabase | None) -> HttpResponse:
    initial: dict[str, Any] = {"version": 0}
    if found:
        initial = {name: getattr(found, name) for name in (*FIELDS, "version")}
    form = TargetDatabaseForm(
        request.POST or None,
        platform=platform,
        is_new=found is None,
        by_socket=bool(found and found.socket_dir),
        initial=initial,
    )
    if request.method == "POST" and form.is_valid():
        try:
            kept = target_database_put(
                by=request.actor,
                at=now(),
                platform=platform,
                key=found.key if found else form.cleaned_data["key"],
                values=form.values(),
                expected=form.cleaned_data["version"],
            )
        except DatabaseNameError as error:
            form.add_error(None if found else "key", str(error))
        else:
            messages.success(request, f"{kept.name} is read at once and every 15 minutes.")
            return redirect_or_fragment(request, reverse("monitoring:databases"))
    context = {"form": form, "platform": platform, "database": found, "action": request.path, "key": new_key()}
    status = 422 if request.method == "POST" else 200
    return render_page(request, "monitoring/database_edit.html", context, status=status)
