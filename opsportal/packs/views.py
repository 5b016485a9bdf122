"""Packs in the browser: which there are, what applying one would do, apply, export; and policy for everyone."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.core import clock, shell
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.packs.documents import PackError
from opsportal.packs.exporting import pack_export
from opsportal.packs.kinds import ApplyError
from opsportal.packs.planning import PackPlan, pack_plan
from opsportal.packs.selectors import PackRow, contradictions, pack_rows, policy_groups
from opsportal.packs.services import PlanChangedError, load_pack, pack_apply, pack_names
from opsportal.platforms.models import Platform

VIEW = "packs.pack_view"
APPLY = "packs.pack_apply"
INSTALL = "packs.pack_install"


@require_action(VIEW)
def pack_list(request: AuthorizedRequest) -> HttpResponse:
    """Every pack this person may know, and what it was applied as."""
    rows = [row for row in pack_rows() if _may_see(request, row)]
    return render_page(request, "packs/pack_list.html", {"rows": rows})


@require_action(VIEW)
def pack_detail(request: AuthorizedRequest, name: str) -> HttpResponse:
    """What applying the pack would do, object by object."""
    row = _row(request, name)
    return _detail(request, row)


@require_action(APPLY, methods=("POST",))
def pack_apply_action(request: AuthorizedRequest, name: str) -> HttpResponse:
    """Apply exactly the plan that was shown."""
    row = _row(request, name)
    platform = Platform.objects.filter(key=row.platform_key).first()
    authorize(request.actor, APPLY if platform else INSTALL, platform)
    wish: dict[str, Any] = {
        "by": request.actor,
        "at": clock.now(),
        "overwrite_drift": request.POST.get("overwrite") == "on",
        "confirmed": request.POST.get("plan", ""),
    }
    try:
        applied = pack_apply(row.name, admin=User.objects.filter(pk=request.actor.user_id or 0).first(), **wish)
    except PlanChangedError:
        return _detail(request, row, status=409, refusal="The pack or the platform changed since; look again.")
    except ApplyError as error:
        return _detail(request, row, status=409, refusal=str(error))
    toast = f"{applied.written} written, {len(applied.kept)} kept"
    return redirect_or_fragment(request, reverse("packs:pack-detail", args=[row.name]), toast=toast)


@require_action(VIEW)
def pack_download(request: AuthorizedRequest, name: str) -> HttpResponse:
    """The platform's present state as a pack, zipped."""
    row = _row(request, name)
    platform = Platform.objects.filter(key=row.platform_key).first()
    if platform is None:
        raise Http404
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in pack_export(platform).items():
            # A fixed date: the same state gives the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{platform.key}/{file}"), text)
    headers = {"Content-Disposition": f'attachment; filename="{platform.key}.zip"'}
    return HttpResponse(body.getvalue(), content_type="application/zip", headers=headers)


@require_action("packs.policy_view")
def policy_page(request: AuthorizedRequest) -> HttpResponse:
    """What a platform's guide decides beside the other pages; over all platforms, where guides contradict."""
    platform = shell.selected_platform(request)
    groups = policy_groups(request.actor, platform_id=platform.pk) if platform else contradictions(request.actor)
    return render_page(request, "packs/policy.html", {"groups": groups, "many_platforms": platform is None})


def _may_see(request: AuthorizedRequest, row: PackRow) -> bool:
    try:
        authorize(request.actor, VIEW if row.platform else INSTALL, row.platform)
    except (DeniedError, HiddenError):
        return False
    return True


def _row(request: AuthorizedRequest, name: str) -> PackRow:
    """The pack of that name, hidden from whom it does not concern."""
    row = next((row for row in pack_rows() if row.name == name), None) if name in pack_names() else None
    if row is None or not _may_see(request, row):
        raise HiddenError(VIEW)
    return row


def _detail(request: AuthorizedRequest, row: PackRow, *, status: int = 200, refusal: str = "") -> HttpResponse:
    plan: PackPlan | None = None
    problems: list[Any] = []
    try:
        plan = pack_plan(load_pack(row.name))
    except PackError as error:
        problems = error.problems
    context: Mapping[str, Any] = {"row": row, "plan": plan, "problems": problems, "refusal": refusal}
    return render_page(request, "packs/pack_detail.html", dict(context), status=status)
