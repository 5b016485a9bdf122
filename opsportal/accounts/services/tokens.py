"""API tokens: `ops_<id>_<secret>`, shown once, kept as an HMAC, narrowed by scopes, gone within a year."""

import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from opsportal.accounts.models import ApiToken, User
from opsportal.accounts.secrets import keyed_hash
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.core.gate import DeniedError, allows, rules
from opsportal.core.refusals import RefusedError

MAX_LIFE: Final = timedelta(days=365)
USED_EVERY: Final = timedelta(minutes=1)
_SHAPE: Final = re.compile(r"ops_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")


class TokenRequestError(RefusedError):
    """The token asked for is wider or longer than allowed."""


def scopes_of(actor: Actor) -> list[str]:
    """The scopes this person may hand to a token: those of at least one action of their own."""
    return sorted({rule.token_scope for rule in rules().values() if rule.token_scope and allows(actor, rule.action)})


@transaction.atomic
def token_create(
    *, by: Actor, at: datetime, name: str, scopes: Iterable[str], expires_at: datetime
) -> tuple[ApiToken, str]:
    """A new token of the actor's own and its text, which cannot be shown again. Raises TokenRequestError."""
    asked = sorted(set(scopes))
    if by.kind != "user" or by.user_id is None:
        raise DeniedError("accounts.token_create", "Only a person makes tokens.")
    if not asked or not set(asked) <= set(scopes_of(by)):
        raise TokenRequestError("A token needs at least one scope, and none beyond your own rights.")
    if not at < expires_at <= at + MAX_LIFE:
        raise TokenRequestError("A token expires within 365 days.")
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user_id=by.user_id,
        name=name,
        secret_hmac=keyed_hash("api-token", secret),
        scopes=asked,
        expires_at=expires_at,
        created_at=at,
    )
    record(
        by=by,
        at=at,
        verb="accounts.token.created",
        obj_kind="api_token",
        obj_id=token.pk,
        platform_id=None,
        data={"scopes": asked, "expires_at": expires_at.isoformat()},
    )
    return token, f"ops_{token.pk}_{secret}"


@transaction.atomic
def token_revoke(*, by: Actor, at: datetime, token: ApiToken, expected: int) -> None:
    """End a token; counts from the next request on."""
    token.update_versioned(expected=expected, revoked_at=at)
    record(
        by=by, at=at, verb="accounts.token.revoked", obj_kind="api_token", obj_id=token.pk, platform_id=None, data={}
    )


def token_find(*, text: str) -> ApiToken | None:
    """The live token of `text`, or None when it is malformed, unknown, expired, revoked or its owner is gone."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    now = real_now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(pk=int(shape[1]), revoked_at=None, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is None or not hmac.compare_digest(bytes(token.secret_hmac), keyed_hash("api-token", shape[2])):
        return None
    if token.last_used_at is None or now - token.last_used_at > USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def tokens_of(user: User) -> list[ApiToken]:
    """Newest first, revoked ones last."""
    return list(ApiToken.objects.filter(user=user).order_by("revoked_at", "-created_at", "-pk"))
