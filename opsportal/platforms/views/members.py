"""The people of one platform."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.platforms.forms import MemberForm, NewMemberForm
from opsportal.platforms.models import Membership, Platform, Role
from opsportal.platforms.services.members import MemberError, member_remove, member_set
from opsportal.platforms.views.pages import load_platform, posted_version

VIEW, EDIT = "platforms.member_view", "platforms.member_edit"


def _page(
    request: AuthorizedRequest, platform: Platform, form: NewMemberForm, *, error: str = "", status: int = 200
) -> HttpResponse:
    members = Membership.objects.filter(platform=platform).select_related("user").order_by("role", "user__name", "pk")
    context = {
        "platform": platform,
        "members": members,
        "form": form,
        "error": error,
        "roles": Role.choices,
        "may_edit": allows(request.actor, EDIT, platform),
        "own_id": request.actor.user_id,
    }
    return render_page(request, "platforms/member_list.html", context, fragment="main", status=status)


def _done(request: AuthorizedRequest, platform: Platform, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect_or_fragment(request, reverse("platforms:members", args=[platform.key]))


@require_action(VIEW)
def member_list(request: AuthorizedRequest, key: str) -> HttpResponse:
    return _page(request, load_platform(request, key, VIEW), NewMemberForm())


@require_action(EDIT, methods=("POST",))
def member_add_action(request: AuthorizedRequest, key: str) -> HttpResponse:
    platform = load_platform(request, key, EDIT)
    form = NewMemberForm(request.POST)
    if form.is_valid():
        person = User.objects.filter(email=form.cleaned_data["email"].lower(), is_active=True).first()
        if person is None:
            form.add_error("email", "Nobody here has this address. Invite them from the people page.")
        elif Membership.objects.filter(platform=platform, user=person).exists():
            form.add_error("email", "This person is a member already: change the role in the list.")
        else:
            member_set(by=request.actor, at=clock.now(), platform=platform, user=person, role=form.cleaned_data["role"])
            return _done(request, platform, f"{person.name} is a member.")
    return _page(request, platform, form, status=422)


@require_action(EDIT, methods=("POST",))
def member_change_action(request: AuthorizedRequest, key: str, pk: int) -> HttpResponse:
    platform = load_platform(request, key, EDIT)
    membership = get_object_or_404(Membership.objects.select_related("user"), pk=pk, platform=platform)
    form, expected = MemberForm(request.POST), posted_version(request)
    if not form.is_valid() or expected is None:
        return _page(request, platform, NewMemberForm(), error="Choose a role.", status=422)
    try:
        member_set(
            by=request.actor, at=clock.now(), platform=platform, user=membership.user,
            role=form.cleaned_data["role"], expected=expected,
        )  # fmt: skip
    except MemberError as error:
        return _page(request, platform, NewMemberForm(), error=str(error), status=422)
    return _done(request, platform, f"{membership.user.name} has the new role.")


@require_action(EDIT, methods=("POST",))
def member_end_action(request: AuthorizedRequest, key: str, pk: int) -> HttpResponse:
    platform = load_platform(request, key, EDIT)
    membership = get_object_or_404(Membership.objects.select_related("user"), pk=pk, platform=platform)
    expected = posted_version(request)
    if expected is None:
        return _page(request, platform, NewMemberForm(), error="Load the page again.", status=422)
    try:
        member_remove(by=request.actor, at=clock.now(), membership=membership, expected=expected)
    except MemberError as error:
        return _page(request, platform, NewMemberForm(), error=str(error), status=422)
    return _done(request, platform, f"{membership.user.name} is no longer a member.")
