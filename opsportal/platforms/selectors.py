"""Reads about platforms and their people."""

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Q, QuerySet

from opsportal.accounts.models import Invitation, User
from opsportal.core import prepared
from opsportal.core.actor import Actor
from opsportal.core.gate import permitted
from opsportal.core.prepared import Read
from opsportal.platforms.models import Membership, Platform


def roles_by_platform(user_id: int) -> Mapping[int, str]:
    """Platform id -> role of one person, in one query, which every request asks."""
    person = Actor(kind="user", name="", user_id=user_id)
    return dict(cast("list[tuple[int, str]]", prepared.rows(_roles, person, user_id=user_id)))


def _roles(_actor: Actor, user_id: Any) -> QuerySet[Any, Any]:
    found: QuerySet[Any, Any] = Membership.objects.filter(user_id=user_id).values_list("platform_id", "role")
    return found


def choosable_platforms(actor: Actor) -> Read:
    """What the platform switcher offers."""
    every = actor.is_portal_admin
    return Read(partial(_choosable, every), {})


def _choosable(every: bool, actor: Actor) -> QuerySet[Any, Any]:
    rows = Platform.objects.all() if every else Platform.objects.visible_to(actor)
    found: QuerySet[Any, Any] = rows.order_by("name", "pk").values_list("pk", "key", "name")
    return found


def readable_platforms(actor: Actor) -> QuerySet[Platform]:
    """A member's platforms; a portal administrator knows of every one."""
    everything: QuerySet[Platform] = Platform.objects.all()
    return everything if actor.is_portal_admin else Platform.objects.visible_to(actor)


def readable_people(actor: Actor) -> QuerySet[User]:
    """Everybody for a portal administrator, else the people of the actor's platforms."""
    people = User.objects.annotate(
        has_mfa=Exists(Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP))
    )
    if actor.is_portal_admin or actor.sees_all:
        return people
    mine = Membership.objects.filter(platform_id__in=actor.platform_ids, user=OuterRef("pk"))
    return people.filter(Q(Exists(mine)) | Q(pk=actor.user_id))


def open_invitations(actor: Actor, at: object) -> list[Invitation]:
    """Invitations not used yet that this actor may see: all, or those into the actor's platforms."""
    rows = Invitation.objects.filter(accepted_at=None, expires_at__gt=at, email__gt="").select_related("invited_by")
    if not actor.is_portal_admin:
        rows = rows.filter(roles__has_any_keys=[str(pk) for pk in actor.platform_ids])
    return list(rows.order_by("-created_at", "-pk"))


def platform_for(action: str, actor: Actor, key: str) -> Platform:
    """The platform of that key, for `action`. Raises HiddenError where the actor may not know of it, DeniedError."""
    return permitted(actor, action, Platform.objects.visible_to(actor), key=key)


def platform_id_said(actor: Actor, key: str) -> int | None:
    """The id behind a filter `?platform=`: None where nothing is asked, 0 (no platform's) for one unknown here."""
    if not key:
        return None
    found: int | None = Platform.objects.visible_to(actor).filter(key=key).values_list("pk", flat=True).first()
    return found or 0
