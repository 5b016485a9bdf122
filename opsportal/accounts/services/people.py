"""People: made, changed, sent away, and let back in."""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from opsportal.accounts.models import User
from opsportal.accounts.services.sessions import sessions_close
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError
from opsportal.core.refusals import RefusedError


class PersonError(RefusedError):
    """The change would break a rule about people; the text says which."""


def _audit(by: Actor, at: datetime, verb: str, person: User, data: dict[str, Any] | None = None) -> None:
    record(
        by=by,
        at=at,
        verb=f"accounts.person.{verb}",
        obj_kind="user",
        obj_id=person.pk,
        platform_id=None,
        data=data or {},
    )


@transaction.atomic
def person_create(
    *, by: Actor, at: datetime, email: str, name: str, password: str | None, is_portal_admin: bool = False
) -> User:
    """A new person; without a password only a link lets them in. Raises PersonError when the address is taken."""
    try:
        with transaction.atomic():
            person = User.objects.create_user(email, password, name=name, is_portal_admin=is_portal_admin)
    except IntegrityError as error:
        raise PersonError("There is already a person with this address.") from error
    _audit(by, at, "created", person, {"is_portal_admin": is_portal_admin})
    return person


@transaction.atomic
def settings_save(*, by: Actor, at: datetime, person: User, expected: int, **values: Any) -> None:
    """A person's own name, theme, zone, density and shortcuts."""
    if by.user_id != person.pk:
        raise DeniedError("accounts.settings_edit", "Settings are changed by their owner only.")
    person.update_versioned(expected=expected, **values)
    _audit(by, at, "settings_saved", person, {"fields": sorted(values)})


def _keep_a_portal_admin(leaving: User) -> None:
    # Locked in key order, so that two portal administrators cannot send each other away at once. NO KEY: a row that
    # names one of them is written meanwhile, perhaps by whoever holds the audit chain that is waited for here.
    admins = User.objects.select_for_update(no_key=True).filter(is_active=True, is_portal_admin=True).order_by("pk")
    if {admin.pk for admin in admins} == {leaving.pk}:
        raise PersonError("This is the last portal administrator; name another one first.")


@transaction.atomic
def person_set_portal_admin(*, by: Actor, at: datetime, person: User, expected: int, is_portal_admin: bool) -> None:
    """Give or take the portal administrator's right.

    Raises PersonError for the last one, and for a person whom no second factor protects.
    """
    if by.user_id == person.pk:
        raise DeniedError("accounts.person_deactivate", "Another portal administrator changes this, never oneself.")
    if not is_portal_admin:
        _keep_a_portal_admin(person)
    elif not Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists():
        raise PersonError(f"{person.name} has no second factor yet, which a portal administrator needs.")
    person.update_versioned(expected=expected, is_portal_admin=is_portal_admin)
    _audit(by, at, "portal_admin_set", person, {"is_portal_admin": is_portal_admin})


@transaction.atomic
def person_deactivate(*, by: Actor, at: datetime, person: User, expected: int) -> None:
    """Send a person away: sessions end, tokens stop; what they wrote stays. Raises PersonError for the last admin."""
    if by.user_id == person.pk:
        raise DeniedError("accounts.person_deactivate", "Nobody deactivates themselves.")
    _keep_a_portal_admin(person)
    person.update_versioned(expected=expected, is_active=False)
    sessions_close(user_id=person.pk)
    _audit(by, at, "deactivated", person)


@transaction.atomic
def person_reactivate(*, by: Actor, at: datetime, person: User, expected: int) -> None:
    """Let a person back in, with the roles they had."""
    person.update_versioned(expected=expected, is_active=True)
    _audit(by, at, "reactivated", person)


@transaction.atomic
def person_reset_mfa(*, by: Actor, at: datetime, person: User) -> int:
    """Take a lost second factor away and end the person's sessions; returns how many factors went."""
    if by.user_id == person.pk:
        raise DeniedError("accounts.person_reset_mfa", "Another administrator resets your second factor.")
    count: int = Authenticator.objects.filter(user=person).delete()[0]
    sessions_close(user_id=person.pk)
    _audit(by, at, "mfa_reset", person, {"factors": count})
    return count
