"""A person's own API tokens."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from opsportal.accounts.forms import TokenForm
from opsportal.accounts.models import ApiToken
from opsportal.accounts.services.tokens import (
    TokenRequestError,
    scopes_of,
    token_create,
    token_revoke,
    tokens_of,
)
from opsportal.accounts.views.settings import own_person
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.clock import real_now
from opsportal.core.forms import VersionedForm
from opsportal.core.gate import allows
from opsportal.core.htmx import redirect_or_fragment, render_page


def _page(request: AuthorizedRequest, form: TokenForm, *, text: str = "", status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "tokens": tokens_of(own_person(request)),
        "new_token": text,
        "may_create": allows(request.actor, "accounts.token_create"),
        "now": real_now(),
    }
    return render_page(request, "accounts/token_list.html", context, fragment="main", status=status)


@require_action("accounts.token_view")
def token_list(request: AuthorizedRequest) -> HttpResponse:
    return _page(request, TokenForm(scopes=scopes_of(request.actor)))


@require_action("accounts.token_create", methods=("POST",))
def token_add_action(request: AuthorizedRequest) -> HttpResponse:
    """Answers 200 with the secret instead of redirecting: it is shown this once and kept nowhere."""
    form = TokenForm(request.POST, scopes=scopes_of(request.actor))
    if not form.is_valid():
        return _page(request, form, status=422)
    now = real_now()
    try:
        _, text = token_create(
            by=request.actor,
            at=now,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=now + timedelta(days=int(form.cleaned_data["days"])),
        )
    except TokenRequestError as error:
        form.add_error(None, str(error))
        return _page(request, form, status=422)
    response = _page(request, TokenForm(scopes=scopes_of(request.actor)), text=text)
    response["Cache-Control"] = "no-store"
    return response


@require_action("accounts.token_revoke", methods=("POST",))
def token_end_action(request: AuthorizedRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user_id=request.actor.user_id)
    form = VersionedForm(request.POST)
    if not form.is_valid():
        return _page(request, TokenForm(scopes=scopes_of(request.actor)), status=422)
    token_revoke(by=request.actor, at=real_now(), token=token, expected=form.cleaned_data["version"])
    messages.success(request, "The token is revoked.")
    return redirect_or_fragment(request, reverse("accounts:tokens"))
