"""One person per role, members of every platform; two of them with a second factor."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters_now
from allauth.mfa.utils import decrypt

from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.accounts.services.people import person_create
from opsportal.core.actor import Actor
from opsportal.local.environment import Home, write_private
from opsportal.platforms.models import Platform
from opsportal.platforms.services.members import member_set


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Who plays which part."""

    role: str
    name: str
    has_totp: bool = False

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@example.com"


PEOPLE: Final = (
    DemoPerson("viewer", "Vera Viewer"),
    DemoPerson("manager", "Mona Manager"),
    DemoPerson("operator", "Otto Operator"),
    DemoPerson("commander", "Cora Commander", has_totp=True),
    DemoPerson("admin", "Ada Admin", has_totp=True),
    DemoPerson("auditor", "Aron Auditor"),
)


def people_put(*, by: Actor, at: datetime, home: Home) -> None:
    """Create whoever is missing and keep the passwords in the data folder, for `up` to print."""
    kept = {row["email"]: row for row in json.loads(home.people.read_text())} if home.people.exists() else {}
    for person in PEOPLE:
        if User.objects.filter(email=person.email).exists():
            continue
        password = "-".join(secrets.token_hex(2) for _ in range(4))
        user = person_create(
            by=by,
            at=at,
            email=person.email,
            name=person.name,
            password=password,
            is_portal_admin=person.role == "admin",
        )
        if person.has_totp:
            TOTP.activate(user, generate_totp_secret())
            RecoveryCodes.activate(user)
        kept[person.email] = {"role": person.role, "email": person.email, "password": password}
    write_private(home.people, json.dumps([kept[person.email] for person in PEOPLE if person.email in kept], indent=1))


def members_put(*, by: Actor, at: datetime) -> None:
    """Everyone in their role on every platform."""
    for platform in Platform.objects.order_by("key"):
        for person in PEOPLE:
            user = User.objects.get(email=person.email)
            if not user.memberships.filter(platform=platform).exists():
                member_set(by=by, at=at, platform=platform, user=user, role=person.role)


def actor_of(role: str, at: datetime) -> Actor:
    """The demo person of that role, as they act at that time."""
    person = next(person for person in PEOPLE if person.role == role)
    return user_actor(User.objects.get(email=person.email), mfa_at=at)


def present_code(email: str) -> str | None:
    """The six digits that this person's authenticator app would show now; None without a second factor."""
    row = Authenticator.objects.filter(user__email=email.lower(), type=Authenticator.Type.TOTP).first()
    if row is None:
        return None
    counters = list(counters_now())  # the present one stands amid those that clock drift is forgiven for
    return str(format_hotp_value(hotp_value(decrypt(row.data["secret"]), counters[len(counters) // 2])))
