"""The people of the portal: who they are, how they come and go."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.accounts.models import Invitation, User
from opsportal.accounts.services.people import (
    PersonError,
    person_deactivate,
    person_reactivate,
    person_reset_mfa,
    person_set_portal_admin,
)
from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.gate import HiddenError, allows
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.core.idempotency import idempotent
from opsportal.platforms.forms import InvitationForm
from opsportal.platforms.models import Membership, Platform
from opsportal.platforms.selectors import open_invitations, readable_people, readable_platforms
from opsportal.platforms.services.invitations import InvitationError, invitation_create, invitation_revoke
from opsportal.platforms.views.pages import posted_version

VIEW = "accounts.person_view"


def _load(request: AuthorizedRequest, pk: int) -> User:
    person = readable_people(request.actor).filter(pk=pk).first()
    if person is None:
        raise HiddenError(VIEW)
    return person


@require_action(VIEW)
def person_list(request: AuthorizedRequest) -> HttpResponse:
    people = list(readable_people(request.actor).order_by("-is_active", "name", "pk"))
    visible = readable_platforms(request.actor)
    roles: dict[int, list[Membership]] = {}
    for membership in Membership.objects.filter(platform__in=visible).select_related("platform").order_by("platform"):
        roles.setdefault(membership.user_id, []).append(membership)
    context = {
        "people": [(person, roles.get(person.pk, [])) for person in people],
        "invitations": open_invitations(request.actor, clock.now()),
        "may_invite": allows(request.actor, "accounts.person_invite"),
    }
    return render_page(request, "platforms/person_list.html", context)


def _detail(request: AuthorizedRequest, person: User, *, error: str = "", status: int = 200) -> HttpResponse:
    memberships = (
        Membership.objects.filter(user=person, platform__in=readable_platforms(request.actor))
        .select_related("platform")
        .order_by("platform__name", "pk")
    )
    own = person.pk == request.actor.user_id
    context = {
        "person": person,
        "memberships": memberships,
        "error": error,
        "own": own,
        "may_change": not own and allows(request.actor, "accounts.person_deactivate"),
        "may_reset": not own and allows(request.actor, "accounts.person_reset_mfa"),
    }
    return render_page(request, "platforms/person_detail.html", context, fragment="main", status=status)


@require_action(VIEW)
def person_detail(request: AuthorizedRequest, pk: int) -> HttpResponse:
    return _detail(request, _load(request, pk))


def _change(request: AuthorizedRequest, pk: int, service: Callable[..., Any], text: str, **more: Any) -> HttpResponse:
    person, expected = _load(request, pk), posted_version(request)
    if expected is None:
        return _detail(request, person, error="Load the page again.", status=422)
    try:
        service(by=request.actor, at=clock.now(), person=person, expected=expected, **more)
    except PersonError as error:
        return _detail(request, person, error=str(error), status=422)
    messages.success(request, text)
    return redirect_or_fragment(request, reverse("platforms:person", args=[person.pk]))


@require_action("accounts.person_deactivate", methods=("POST",))
def person_deactivate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    return _change(request, pk, person_deactivate, "Deactivated; every session has ended.")


@require_action("accounts.person_reactivate", methods=("POST",))
def person_reactivate_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    return _change(request, pk, person_reactivate, "Active again.")


@require_action("accounts.person_deactivate", methods=READ_WRITE)
def person_portal_admin(request: AuthorizedRequest, pk: int) -> HttpResponse:
    """The question first, naming the person; its form gives or takes the right."""
    if request.method == "GET":
        person = _load(request, pk)
        context = {"person": person, "own": person.pk == request.actor.user_id}
        return render_page(request, "platforms/person_portal_admin.html", context)
    wanted = request.POST.get("is_portal_admin") == "1"
    return _change(request, pk, person_set_portal_admin, "Saved.", is_portal_admin=wanted)


@require_action("accounts.person_reset_mfa", methods=("POST",))
def person_mfa_reset_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    person = _load(request, pk)
    person_reset_mfa(by=request.actor, at=clock.now(), person=person)
    messages.success(request, "The second factor is gone; every session has ended.")
    return redirect_or_fragment(request, reverse("platforms:person", args=[person.pk]))


def _platforms_to_give(request: AuthorizedRequest) -> list[Platform]:
    rows = readable_platforms(request.actor).order_by("name", "pk")
    return [platform for platform in rows if allows(request.actor, "platforms.member_edit", platform)]


@require_action("accounts.person_invite", methods=READ_WRITE)
@idempotent
def person_invite(request: AuthorizedRequest) -> HttpResponse:
    """Answers 200 with the link instead of redirecting: it is shown this once."""
    form = InvitationForm(
        request.POST or None,
        platforms=_platforms_to_give(request),
        may_make_admin=request.actor.is_portal_admin,
    )
    link, status = "", 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _, link = invitation_create(
                    by=request.actor, at=clock.now(), email=form.cleaned_data["email"],
                    name=form.cleaned_data["name"], roles=form.roles(),
                    is_portal_admin=form.cleaned_data.get("is_portal_admin", False),
                )  # fmt: skip
                status = 200
            except InvitationError as error:
                form.add_error(None, str(error))
    response = render_page(
        request, "platforms/person_invite.html", {"form": form, "link": link}, fragment="main", status=status
    )
    response["Cache-Control"] = "no-store"
    return response


@require_action("accounts.invitation_revoke", methods=("POST",))
def invitation_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    visible = {row.pk for row in open_invitations(request.actor, clock.now())}
    invitation = get_object_or_404(Invitation, pk=pk if pk in visible else 0)
    expected = posted_version(request)
    if expected is not None:
        invitation_revoke(by=request.actor, at=clock.now(), invitation=invitation, expected=expected)
        messages.success(request, "The link no longer works.")
    return redirect_or_fragment(request, reverse("platforms:people"))
