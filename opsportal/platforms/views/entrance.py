"""The two ways in without an account: an invitation's link, and the first run of an empty portal."""

from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from opsportal.accounts.forms import FirstRunForm, NewPersonForm
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.htmx import redirect_or_fragment, render_page
from opsportal.platforms.services.invitations import (
    InvitationError,
    first_run_accept,
    invitation_accept,
    invitation_find,
)

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def _sign_in(request: HttpRequest, person: User) -> None:
    login(request, person, backend=BACKEND)
    record_authentication(request, person, method="password")


@require_action("accounts.invitation_accept", methods=READ_WRITE)
def join(request: AuthorizedRequest, text: str) -> HttpResponse:
    invitation = invitation_find(text=text, at=clock.now())
    if invitation is None:
        return render_page(request, "platforms/join_gone.html", {}, status=404)
    form = NewPersonForm(request.POST or None, email=invitation.email, initial={"name": invitation.name})
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                person = invitation_accept(
                    at=clock.now(), invitation=invitation, name=form.cleaned_data["name"],
                    password=form.cleaned_data["password"],
                )  # fmt: skip
            except InvitationError as error:
                form.add_error(None, str(error))
            else:
                _sign_in(request, person)
                messages.success(request, "Welcome. Set up a second factor next: dangerous acts ask for it.")
                return redirect_or_fragment(request, reverse("mfa_activate_totp"))
    return render_page(request, "platforms/join.html", {"form": form, "invitation": invitation}, status=status)


@require_action("accounts.first_run", methods=READ_WRITE)
def first_run(request: AuthorizedRequest) -> HttpResponse:
    """Gone for good as soon as there is one person."""
    if User.objects.exists():
        raise Http404
    form, status = FirstRunForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                person = first_run_accept(
                    at=clock.now(), code=form.cleaned_data["code"], email=form.cleaned_data["email"],
                    name=form.cleaned_data["name"], password=form.cleaned_data["password"],
                )  # fmt: skip
            except InvitationError as error:
                form.add_error("code", str(error))
            else:
                _sign_in(request, person)
                return redirect_or_fragment(request, reverse("platforms:first-steps"))
    return render_page(request, "platforms/first_run.html", {"form": form}, status=status)


@require_action("platforms.first_steps_view")
def first_steps(request: AuthorizedRequest) -> HttpResponse:
    """What a new portal needs next: second factor, platform, AWS; each may be left for later."""
    return render_page(request, "platforms/first_steps.html", {})
