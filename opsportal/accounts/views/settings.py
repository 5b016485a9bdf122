"""The index of settings, a person's own settings and sessions, and the second factor asked again."""

from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.accounts.forms import PersonSettingsForm
from opsportal.accounts.models import User, UserSession
from opsportal.accounts.services.people import settings_save
from opsportal.accounts.services.sessions import sessions_close
from opsportal.core import clock
from opsportal.core.actions import READ_WRITE, AuthorizedRequest, require_action
from opsportal.core.htmx import local_url, redirect_or_fragment, render_page
from opsportal.core.shell import setting_links


def own_person(request: AuthorizedRequest) -> User:
    """The row of whoever is signed in; tokens and the portal itself have no settings."""
    return get_object_or_404(User, pk=request.actor.user_id)


@require_action("accounts.settings_view")
def settings_index(request: AuthorizedRequest) -> HttpResponse:
    person = own_person(request)
    context = {
        "links": setting_links(request.actor),
        "person": person,
        "has_mfa": Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists(),
        "session_count": UserSession.objects.filter(user=person).count(),
    }
    return render_page(request, "accounts/settings_index.html", context)


@require_action("accounts.settings_edit", methods=READ_WRITE)
def settings_person(request: AuthorizedRequest) -> HttpResponse:
    person = own_person(request)
    form, status = PersonSettingsForm.of(person), 200
    if request.method == "POST":
        form = PersonSettingsForm(request.POST)
        if form.is_valid():
            expected = form.cleaned_data.pop("version")
            settings_save(by=request.actor, at=clock.now(), person=person, expected=expected, **form.cleaned_data)
            messages.success(request, "Settings saved.")
            return redirect_or_fragment(request, reverse("accounts:settings-person"))
        status = 422
    return render_page(
        request, "accounts/settings_person.html", {"form": form, "person": person}, fragment="main", status=status
    )


@require_action("accounts.settings_view")
def session_list(request: AuthorizedRequest) -> HttpResponse:
    sessions = UserSession.objects.filter(user=own_person(request)).order_by("-seen_at", "-pk")
    context = {"sessions": sessions, "own_key": request.session.session_key}
    return render_page(request, "accounts/session_list.html", context)


@require_action("accounts.session_end", methods=("POST",))
def session_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=pk, user_id=request.actor.user_id)
    sessions_close(user_id=session.user_id, pk=session.pk)
    messages.success(request, "That session has ended.")
    return redirect_or_fragment(request, reverse("accounts:sessions"))


@require_action("accounts.session_end", methods=("POST",))
def session_end_others_action(request: AuthorizedRequest) -> HttpResponse:
    person = own_person(request)
    count = sessions_close(user_id=person.pk, keep_key=request.session.session_key)
    messages.success(request, f"{count} other sessions have ended." if count else "There was no other session.")
    return redirect_or_fragment(request, reverse("accounts:sessions"))


@require_action("accounts.mfa_confirm")
def confirm(request: AuthorizedRequest) -> HttpResponse:
    """Where a dangerous act sends those whose second factor was shown too long ago, or never set up."""
    back = local_url(request, request.GET.get("next", ""), reverse("accounts:settings"))
    enrolled = Authenticator.objects.filter(user_id=request.actor.user_id, type=Authenticator.Type.TOTP).exists()
    if enrolled:
        target, text = "mfa_reauthenticate", "Confirm with your second factor, then do it again. Nothing was changed."
    else:
        target, text = "mfa_activate_totp", "This needs a second factor: set one up first. Nothing was changed."
    messages.info(request, text)
    return HttpResponse(status=303, headers={"Location": f"{reverse(target)}?{urlencode({'next': back})}"})
