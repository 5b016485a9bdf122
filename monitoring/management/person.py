"""Who acts from a shell, and what is said when there is nobody or the act is refused."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from django.core.management.base import CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError

AS: Final = "OPSPORTAL_AS"


def person_parser() -> CommandParser:
    """The option that names who acts, for the parsers of a command's verbs."""
    person = CommandParser(add_help=False, called_from_command_line=True)
    person.add_argument("--as", dest="email", default=os.environ.get(AS, ""), help=f"address of who acts; or {AS}")
    return person


def acting_person(email: str, *, request: str) -> Actor:
    """The active person of that address; `request` tells the audit that it came from a shell. Raises CommandError."""
    person = User.objects.filter(email=email.lower(), is_active=True).first()
    if person is None:
        raise CommandError(
            f"Nobody active here has the address {email}." if email else f"Say who acts: --as EMAIL, or {AS}."
        )
    return replace(user_actor(person), request_id=request)


@contextmanager
def refusals_said() -> Iterator[None]:
    """What a service refuses, as a sentence on the shell. Raises CommandError."""
    try:
        yield
    except HiddenError as error:
        raise CommandError("There is none with this number, or it is not for this person.") from error
    except (DeniedError, RefusedError, VersionConflictError, ValidationError) as error:
        raise CommandError(str(error)) from error
