"""The actor of a request: a signed-in person, a token's owner, or nobody."""

from datetime import UTC, datetime
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.internal.httpkit import get_client_ip
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from structlog.contextvars import get_contextvars

from opsportal.accounts.models import ApiToken, User
from opsportal.accounts.roles import roles_of
from opsportal.core.actor import Actor


def client_ip(request: HttpRequest) -> str | None:
    """The caller's address behind as many proxies as TRUSTED_PROXY_COUNT says; None when it cannot be told."""
    try:
        return str(get_client_ip(request))
    except (PermissionDenied, ValueError):
        return None


def _mfa_at(request: HttpRequest, user: User) -> datetime | None:
    records = get_authentication_records(request, user)
    moments = [float(record["at"]) for record in records if record.get("method") == "mfa"]
    return datetime.fromtimestamp(max(moments), UTC) if moments else None


def request_id() -> str | None:
    value: Any = get_contextvars().get("request_id")
    return str(value) if value else None


def user_actor(user: User, *, mfa_at: datetime | None = None, ip: str | None = None) -> Actor:
    """What this person may do now."""
    return Actor(
        kind="user",
        name=user.name,
        user_id=user.pk,
        roles=roles_of(user.pk),
        is_portal_admin=user.is_portal_admin,
        mfa_at=mfa_at,
        ip=ip,
        request_id=request_id(),
    )


def session_actor(request: HttpRequest) -> Actor:
    """The person of the session cookie, or nobody."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return Actor(kind="anonymous", name="anonymous", ip=client_ip(request), request_id=request_id())
    return user_actor(user, mfa_at=_mfa_at(request, user), ip=client_ip(request))


def token_actor(token: ApiToken, request: HttpRequest) -> Actor:
    """The token's owner, narrowed to the token's scopes; never more than the owner holds now."""
    owner = token.user
    return Actor(
        kind="token",
        name=f"{owner.name} ({token.name})",
        user_id=owner.pk,
        roles=roles_of(owner.pk),
        is_portal_admin=owner.is_portal_admin,
        token_id=token.pk,
        scopes=frozenset(token.scopes),
        ip=client_ip(request),
        request_id=request_id(),
    )
