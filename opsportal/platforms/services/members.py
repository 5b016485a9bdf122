"""Who holds which role on a platform."""

from datetime import datetime

from django.db import IntegrityError, transaction

from opsportal.accounts.models import User
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Membership, Platform, Role


class MemberError(RefusedError):
    """The change would break a rule about members; the text says which."""


def _refuse_own(by: Actor, user_id: int) -> None:
    # A portal administrator may step into a platform; nobody raises or drops a role they hold.
    if by.user_id == user_id and not by.is_portal_admin:
        raise DeniedError("platforms.member_edit", "Another admin changes your role, never yourself.")


def _keep_an_admin(membership: Membership) -> None:
    admins = (
        Membership.objects.select_for_update()
        .filter(platform_id=membership.platform_id, role=Role.ADMIN, user__is_active=True)
        .order_by("pk")
    )
    if {admin.pk for admin in admins} == {membership.pk}:
        raise MemberError("This is the platform's last admin; name another one first.")


def _audit(by: Actor, at: datetime, verb: str, membership: Membership) -> None:
    record(
        by=by,
        at=at,
        verb=f"platforms.member.{verb}",
        obj_kind="membership",
        obj_id=membership.pk,
        platform_id=membership.platform_id,
        data={"user": membership.user_id, "role": membership.role},
    )


@transaction.atomic
def member_set(
    *, by: Actor, at: datetime, platform: Platform, user: User, role: str, expected: int | None = None
) -> Membership:
    """Give a person their one role on a platform; counts from their next request on.

    `expected` is the version of the membership being changed, None to add one. Raises MemberError for the last
    admin and VersionConflictError when someone else was first.
    """
    if role not in Role.values:
        raise MemberError(f"There is no role {role!r}.")
    _refuse_own(by, user.pk)
    if expected is None:
        return _add(by, at, platform, user, role)
    membership = Membership.objects.get(platform=platform, user=user)
    if role != Role.ADMIN:
        _keep_an_admin(membership)
    membership.update_versioned(expected=expected, role=role)
    _audit(by, at, "role_changed", membership)
    return membership


def _add(by: Actor, at: datetime, platform: Platform, user: User, role: str) -> Membership:
    try:
        with transaction.atomic():
            membership = Membership.objects.create(platform=platform, user=user, role=role, created_at=at)
    except IntegrityError as error:
        raise VersionConflictError(Membership.objects.get(platform=platform, user=user)) from error
    _audit(by, at, "added", membership)
    return membership


@transaction.atomic
def member_remove(*, by: Actor, at: datetime, membership: Membership, expected: int) -> None:
    """Take a person's role on the platform away. Raises MemberError for the last admin."""
    _refuse_own(by, membership.user_id)
    _keep_an_admin(membership)
    if not Membership.objects.filter(pk=membership.pk, version=expected).delete()[0]:
        raise VersionConflictError(Membership.objects.get(pk=membership.pk))
    _audit(by, at, "removed", membership)
