"""Routes of accounts, platforms, and the libraries."""

from datetime import timedelta
from typing import Any

from opsportal.accounts.models import Invitation, User, UserSession
from opsportal.accounts.secrets import keyed_hash
from opsportal.core.clock import real_now
from opsportal.platforms.kinds import KINDS
from opsportal.platforms.models import (
    BusinessCalendar,
    Contact,
    Link,
    Membership,
    Platform,
    Severity,
    SeverityAlias,
)
from tests.factories.accounts import UserFactory, token_persona
from tests.factories.platforms import MembershipFactory
from tests.rbac.objects import Case, route


def _key(case: Case) -> dict[str, Any]:
    return {"key": case.platform.key}


def _member(case: Case) -> dict[str, Any]:
    other = UserFactory.create()
    return {"key": case.platform.key, "pk": MembershipFactory.create(platform=case.platform, user=other).pk}


def _person(case: Case) -> dict[str, Any]:
    """Someone of the platform who is not the one who asks."""
    person = UserFactory.create()
    MembershipFactory.create(platform=case.platform, user=person)
    return {"pk": person.pk}


def _session(case: Case) -> dict[str, Any]:
    user = case.user or UserFactory.create()
    now = real_now()
    session = UserSession.objects.create(user=user, session_key=f"k{user.pk}", created_at=now, seen_at=now)
    return {"pk": session.pk}


def _token(case: Case) -> dict[str, Any]:
    user = case.user or UserFactory.create()
    if not Membership.objects.filter(user=user).exclude(role__in=("viewer", "manager")).exists():
        # The row is what matters here, not how a viewer came by it.
        MembershipFactory.create(user=user, role="operator")
    return {"pk": token_persona(User.objects.get(pk=user.pk), "platforms:read").token.pk}


def _invitation(case: Case) -> dict[str, Any]:
    now = real_now()
    invitation = Invitation.objects.create(
        email="new@example.org",
        roles={str(case.platform.pk): "viewer"},
        token_hmac=keyed_hash("invitation", "matrix"),
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    return {"pk": invitation.pk}


def _join(case: Case) -> dict[str, Any]:
    _invitation(case)
    return {"text": "matrix"}


def _a_row(platform: Platform, slug: str) -> Any:
    kind = KINDS[slug]
    found = kind.rows(platform).first()
    if found is not None:
        return found
    making: dict[type[Any], Any] = {
        Contact: lambda: Contact(platform=platform, key="x", name="X"),
        Link: lambda: Link(platform=platform, key="x", name="X", url="https://example.org/"),
        SeverityAlias: lambda: SeverityAlias(
            platform=platform, source="x", word="x", severity=Severity.objects.filter(scheme__platform=platform)[0]
        ),
        BusinessCalendar: lambda: BusinessCalendar(
            platform=platform, key="x", name="X", weekdays=[1], opens_at="08:00", closes_at="17:00"
        ),
    }
    row = making[kind.model]()
    row.save()
    return row


for _name in ("detail", "edit", "members", "member-add"):
    route(f"platforms:{_name}", _key)
for _name in ("member-role", "member-remove"):
    route(f"platforms:{_name}", _member, data=lambda _case: {"version": "1", "role": "operator"})
for _name in ("rows", "row-new"):
    route(f"platforms:{_name}", lambda case: {**_key(case), "slug": "contacts"})
for _name in ("row", "row-delete"):
    route(
        f"platforms:{_name}",
        lambda case: {**_key(case), "slug": "contacts", "pk": _a_row(case.platform, "contacts").pk},
        data=lambda _case: {"version": "1", "key": "x", "name": "Y", "level": "0"},
    )
route("platforms:person", _person)
for _name in ("person-deactivate", "person-reactivate", "person-portal-admin", "person-reset-mfa"):
    route(f"platforms:{_name}", _person, data=lambda _case: {"version": "1"})
route("platforms:invitation-revoke", _invitation, data=lambda _case: {"version": "1"})
route("platforms:join", _join, owned="portal")
route("platforms:first-run", owned="portal", free=("*",))  # gone as soon as there is a person
route("accounts:session-end", _session, owned="person")
route("accounts:token-revoke", _token, owned="person", data=lambda _case: {"version": "1"})
route("account_confirm_email", lambda _case: {"key": "x"}, owned="portal")
route("account_reset_password_from_key", lambda _case: {"uidb36": "1", "key": "x"}, owned="portal")

route("platforms-api:detail", _key)
for _slug in KINDS:
    route(f"platforms-api:{_slug}-list", _key)
    route(
        f"platforms-api:{_slug}-detail",
        lambda case, slug=_slug: {**_key(case), "pk": _a_row(case.platform, slug).pk},
    )
