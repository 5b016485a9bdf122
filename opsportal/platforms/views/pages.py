"""Platforms: the list, one platform, a new one, and the rows of its policy."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse

from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import allows, permitted
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.core.models import VersionedModel
from opsportal.platforms.forms import NewPlatformForm, PlatformForm, RowForm
from opsportal.platforms.kinds import KINDS, Kind, cell
from opsportal.platforms.models import Membership, Platform
from opsportal.platforms.selectors import readable_platforms
from opsportal.platforms.services.platforms import (
    PlatformError,
    platform_create,
    row_create,
    row_delete,
    row_save,
)

VIEW, EDIT = "platforms.platform_view", "platforms.platform_edit"


def load_platform(request: AuthorizedRequest, key: str, action: str) -> Platform:
    """The platform, if this person may do `action` to it; raises HiddenError (404) or DeniedError (403)."""
    return permitted(request.actor, action, readable_platforms(request.actor), key=key)


def _kind(slug: str) -> Kind:
    if slug not in KINDS:
        raise Http404
    return KINDS[slug]


def posted_version(request: AuthorizedRequest) -> int | None:
    """The version a form was written against, or None when the form lacks it."""
    form = VersionedForm(request.POST)
    return form.cleaned_data["version"] if form.is_valid() else None


@require_action(VIEW)
def platform_list(request: AuthorizedRequest) -> HttpResponse:
    platforms = readable_platforms(request.actor).order_by("name", "pk")
    context = {
        "platforms": [(platform, request.actor.roles.get(platform.pk, "")) for platform in platforms],
        "may_create": allows(request.actor, "platforms.platform_create"),
    }
    return render_page(request, "platforms/platform_list.html", context)


@require_action("platforms.platform_create", methods=READ_WRITE)
@idempotent
def platform_new(request: AuthorizedRequest) -> HttpResponse:
    form, status = NewPlatformForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                platform = platform_create(by=request.actor, at=clock.now(), **form.cleaned_data)
            except PlatformError as error:
                form.add_error("key", str(error))
            else:
                return redirect_or_fragment(request, reverse("platforms:detail", args=[platform.key]))
    return render_page(request, "platforms/platform_new.html", {"form": form}, fragment="main", status=status)


@require_action(VIEW)
def platform_detail(request: AuthorizedRequest, key: str) -> HttpResponse:
    platform = load_platform(request, key, VIEW)
    context = {
        "platform": platform,
        "panels": [(kind, kind.rows(platform).count()) for kind in KINDS.values()],
        "member_count": Membership.objects.filter(platform=platform).count(),
        "may_edit": allows(request.actor, EDIT, platform),
    }
    return render_page(request, "platforms/platform_detail.html", context)


@require_action(EDIT, methods=READ_WRITE)
def platform_edit(request: AuthorizedRequest, key: str) -> HttpResponse:
    platform = load_platform(request, key, EDIT)
    initial = {"name": platform.name, "description": platform.description}
    form, status = PlatformForm(request.POST or None, initial=initial), 200
    if request.method == "POST":
        status, expected = 422, posted_version(request)
        if form.is_valid() and expected is not None:
            row_save(
                by=request.actor, at=clock.now(), platform=platform, row=platform, expected=expected,
                values=form.cleaned_data,
            )  # fmt: skip
            messages.success(request, "Saved.")
            return redirect_or_fragment(request, reverse("platforms:detail", args=[platform.key]))
    context = {"form": form, "platform": platform, "version": request.POST.get("version", platform.version)}
    return render_page(request, "platforms/platform_edit.html", context, fragment="main", status=status)


@require_action(VIEW)
def row_list(request: AuthorizedRequest, key: str, slug: str) -> HttpResponse:
    platform, kind = load_platform(request, key, VIEW), _kind(slug)
    rows = [(row, [cell(row, path) for _, path in kind.columns]) for row in kind.rows(platform)]
    context = {"platform": platform, "kind": kind, "rows": rows, "may_edit": allows(request.actor, EDIT, platform)}
    return render_page(request, "platforms/row_list.html", context)


def _row_page(request: AuthorizedRequest, context: dict[str, Any], status: int) -> HttpResponse:
    return render_page(request, "platforms/row_edit.html", context, fragment="main", status=status)


@require_action(EDIT, methods=READ_WRITE)
@idempotent
def row_new(request: AuthorizedRequest, key: str, slug: str) -> HttpResponse:
    platform, kind = load_platform(request, key, EDIT), _kind(slug)
    form: RowForm = kind.form(request.POST or None, platform=platform)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                row = kind.new_row(platform, form.values())
                row_create(by=request.actor, at=clock.now(), platform=platform, row=row)
            except PlatformError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"The {kind.noun} is there.")
                return redirect_or_fragment(request, reverse("platforms:rows", args=[platform.key, slug]))
    return _row_page(request, {"platform": platform, "kind": kind, "form": form, "row": None, "version": None}, status)


def load_row(platform: Platform, kind: Kind, pk: int) -> VersionedModel:
    """A row of this platform; raises Http404."""
    row: VersionedModel | None = kind.rows(platform).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


@require_action(EDIT, methods=READ_WRITE)
def row_edit(request: AuthorizedRequest, key: str, slug: str, pk: int) -> HttpResponse:
    platform, kind = load_platform(request, key, EDIT), _kind(slug)
    row = load_row(platform, kind, pk)
    form: RowForm = kind.form(request.POST or None, platform=platform, initial=kind.form.initial_of(row))
    status = 200
    if request.method == "POST":
        status, expected = 422, posted_version(request)
        if form.is_valid() and expected is not None:
            try:
                row_save(
                    by=request.actor, at=clock.now(), platform=platform, row=row, expected=expected,
                    values=form.values(),
                )  # fmt: skip
            except PlatformError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "Saved.")
                return redirect_or_fragment(request, reverse("platforms:rows", args=[platform.key, slug]))
    version = request.POST.get("version", row.version)
    return _row_page(
        request, {"platform": platform, "kind": kind, "form": form, "row": row, "version": version}, status
    )


@require_action(EDIT, methods=("POST",))
def row_remove_action(request: AuthorizedRequest, key: str, slug: str, pk: int) -> HttpResponse:
    platform, kind = load_platform(request, key, EDIT), _kind(slug)
    row, expected = load_row(platform, kind, pk), posted_version(request)
    error = "The form is incomplete: load the page again."
    if expected is not None:
        try:
            row_delete(by=request.actor, at=clock.now(), platform=platform, row=row, expected=expected)
        except PlatformError as refused:
            error = str(refused)
        else:
            messages.success(request, f"The {kind.noun} is gone.")
            return redirect_or_fragment(request, reverse("platforms:rows", args=[platform.key, slug]))
    form = kind.form(platform=platform, initial=kind.form.initial_of(row))
    messages.error(request, error)
    return _row_page(
        request, {"platform": platform, "kind": kind, "form": form, "row": row, "version": row.version}, 422
    )
