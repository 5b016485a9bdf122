"""`manage.py user create|role|reset-mfa`: people without mail and without the browser."""

import getpass
import os
import secrets
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from opsportal.accounts.models import User
from opsportal.accounts.services.people import PersonError, person_create, person_reset_mfa
from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Membership, Platform, Role
from opsportal.platforms.services.members import MemberError, member_remove, member_set

BY = system_actor("manage.user")


class Command(BaseCommand):
    help = "Makes a person, sets a role on a platform, or takes a lost second factor away."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a person; the password is asked for, or made up and printed")
        create.add_argument("email")
        create.add_argument("--name", default="")
        create.add_argument("--portal-admin", action="store_true")
        role = verbs.add_parser("role", help="give a person a role on a platform ('none' takes it away)")
        role.add_argument("email")
        role.add_argument("platform")
        role.add_argument("role", choices=[*Role.values, "none"])
        reset = verbs.add_parser("reset-mfa", help="take a lost second factor away and end the person's sessions")
        reset.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            {"create": self._create, "role": self._role, "reset-mfa": self._reset}[options["verb"]](options)
        except (PersonError, MemberError) as error:
            raise CommandError(str(error)) from error

    def _person(self, email: str) -> User:
        person = User.objects.filter(email=email.lower()).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {email}.")
        return person

    def _create(self, options: dict[str, Any]) -> None:
        password = os.environ.get("OPSPORTAL_PASSWORD") or (
            getpass.getpass("Password (empty makes one up): ") if sys.stdin.isatty() else ""
        )
        made_up = not password
        password = password or secrets.token_urlsafe(12)
        try:
            validate_email(options["email"])
            validate_password(password, User(email=options["email"], name=options["name"]))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        person = person_create(
            by=BY,
            at=clock.now(),
            email=options["email"],
            name=options["name"],
            password=password,
            is_portal_admin=options["portal_admin"],
        )
        self.stdout.write(f"{person.email} is here." + (f" Password: {password}" if made_up else ""))

    def _role(self, options: dict[str, Any]) -> None:
        person = self._person(options["email"])
        platform = Platform.objects.filter(key=options["platform"]).first()
        if platform is None:
            raise CommandError(f"There is no platform {options['platform']}.")
        membership = Membership.objects.filter(platform=platform, user=person).first()
        if options["role"] != "none":
            member_set(
                by=BY,
                at=clock.now(),
                platform=platform,
                user=person,
                role=options["role"],
                expected=membership.version if membership else None,
            )
        elif membership is not None:
            member_remove(by=BY, at=clock.now(), membership=membership, expected=membership.version)
        self.stdout.write(f"{person.email} on {platform.key}: {options['role']}.")

    def _reset(self, options: dict[str, Any]) -> None:
        count = person_reset_mfa(by=BY, at=clock.now(), person=self._person(options["email"]))
        self.stdout.write(f"{count} factors removed; every session has ended.")
