"""Invitations: a single-use link that lets a person set name and password and start with given roles."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import Invitation, User
from opsportal.accounts.secrets import keyed_hash
from opsportal.accounts.services.people import PersonError, person_create
from opsportal.audit.services import record
from opsportal.core.actor import Actor, system_actor
from opsportal.core.clock import real_now
from opsportal.core.gate import DeniedError, allows, authorize
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform, Role
from opsportal.platforms.services.members import member_set

VALID_FOR: Final = timedelta(days=7)
FIRST_RUN_VALID_FOR: Final = timedelta(hours=24)
_PURPOSE: Final = "invitation"


class InvitationError(RefusedError):
    """The invitation cannot be made or used; the text says why."""


def _audit(by: Actor, at: datetime, verb: str, invitation: Invitation) -> None:
    record(
        by=by,
        at=at,
        verb=f"accounts.invitation.{verb}",
        obj_kind="invitation",
        obj_id=invitation.pk,
        platform_id=None,
        data={"roles": dict(invitation.roles), "is_portal_admin": invitation.is_portal_admin},
    )


@transaction.atomic
def invitation_create(
    *, by: Actor, at: datetime, email: str, name: str, roles: Mapping[int, str], is_portal_admin: bool = False
) -> tuple[Invitation, str]:
    """An invitation and its link, which is mailed as well and cannot be shown again. Raises InvitationError."""
    if is_portal_admin and not by.is_portal_admin:
        raise DeniedError("accounts.person_invite", "Only a portal administrator makes another one.")
    for platform in Platform.objects.filter(pk__in=roles):
        authorize(by, "platforms.member_edit", platform)
    if not set(roles.values()) <= set(Role.values):
        raise InvitationError("An unknown role was asked for.")
    if not roles and not is_portal_admin:
        raise InvitationError("Choose at least one role.")
    if User.objects.filter(email=email.lower()).exists():
        raise InvitationError("This person is already here: add them to the platform's members instead.")
    text = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email.lower(),
        name=name,
        is_portal_admin=is_portal_admin,
        roles={str(pk): role for pk, role in roles.items()},
        token_hmac=keyed_hash(_PURPOSE, text),
        invited_by_id=by.user_id,
        created_at=at,
        expires_at=at + VALID_FOR,
    )
    link = settings.PUBLIC_URL + reverse("platforms:join", args=[text])
    get_adapter().send_mail(
        "platforms/email/invitation",
        invitation.email,
        {"link": link, "invited_by": by.name, "valid_days": VALID_FOR.days},
    )
    _audit(by, at, "created", invitation)
    return invitation, link


def invitation_find(*, text: str, at: datetime) -> Invitation | None:
    """The open invitation behind a link, or None when it is used, withdrawn, expired or made up."""
    return Invitation.objects.filter(
        token_hmac=keyed_hash(_PURPOSE, text), accepted_at=None, expires_at__gt=at, email__gt=""
    ).first()


def _may_still_invite(invitation: Invitation, platforms: Sequence[Platform]) -> bool:
    """Whether the inviter still holds the rights the invitation hands on; the portal itself (no inviter) does."""
    inviter = invitation.invited_by
    if inviter is None:
        return True
    if not inviter.is_active or (invitation.is_portal_admin and not inviter.is_portal_admin):
        return False
    # The second factor was shown when the link was made.
    actor = user_actor(inviter, mfa_at=real_now())
    return all(allows(actor, "platforms.member_edit", platform) for platform in platforms)


@transaction.atomic
def invitation_accept(*, at: datetime, invitation: Invitation, name: str, password: str) -> User:
    """Make the person with the roles promised; the link is spent.

    Raises InvitationError when it was already, or when whoever invited may not give these roles any more.
    """
    spent = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=at).update(accepted_at=at)
    if not spent:
        raise InvitationError("This link was already used. Ask for a new one.")
    platforms = list(Platform.objects.filter(pk__in=[int(pk) for pk in invitation.roles]).order_by("pk"))
    if not _may_still_invite(invitation, platforms):
        raise InvitationError("Whoever sent this link may not invite any more. Ask for a new one.")
    portal = system_actor("accounts.invitation")
    try:
        person = person_create(
            by=portal,
            at=at,
            email=invitation.email,
            name=name,
            password=password,
            is_portal_admin=invitation.is_portal_admin,
        )
    except PersonError as error:
        raise InvitationError(str(error)) from error
    for platform in platforms:
        member_set(by=portal, at=at, platform=platform, user=person, role=invitation.roles[str(platform.pk)])
    _audit(user_actor(person), at, "accepted", invitation)
    return person


@transaction.atomic
def invitation_revoke(*, by: Actor, at: datetime, invitation: Invitation, expected: int) -> None:
    """Withdraw an invitation that was not used yet."""
    invitation.update_versioned(expected=expected, expires_at=at)
    _audit(by, at, "revoked", invitation)


# --- the first run: an invitation to nobody yet, told on the terminal ------------------------------------------
@transaction.atomic
def first_run_code(*, at: datetime) -> str:
    """A one-time code for the first-run page; an older one stops working. Raises InvitationError once people exist."""
    if User.objects.exists():
        raise InvitationError("There are people already: sign in, or make one with `manage.py user create`.")
    Invitation.objects.filter(email="").delete()
    code = "-".join(secrets.token_hex(2) for _ in range(4))
    Invitation.objects.create(
        email="",
        is_portal_admin=True,
        token_hmac=keyed_hash("first-run", code),
        created_at=at,
        expires_at=at + FIRST_RUN_VALID_FOR,
    )
    return code


@transaction.atomic
def first_run_accept(*, at: datetime, code: str, email: str, name: str, password: str) -> User:
    """The first portal administrator. Raises InvitationError when the code is wrong, old or used."""
    spent = Invitation.objects.filter(
        email="", token_hmac=keyed_hash("first-run", code.strip().lower()), accepted_at=None, expires_at__gt=at
    ).update(accepted_at=at)
    if not spent or User.objects.exists():
        raise InvitationError("This code is not valid. `manage.py firstrun code` prints a new one.")
    return person_create(
        by=system_actor("accounts.first_run"), at=at, email=email, name=name, password=password, is_portal_admin=True
    )
