"""`manage.py firstrun code`: the one-time code of the first-run page."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.core import clock
from opsportal.platforms.services.invitations import InvitationError, first_run_code

CODE_FILE = "first-run-code"


class Command(BaseCommand):
    help = "Prints a one-time code that makes the first administrator; refuses once there are people."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["code"])

    def handle(self, *args: Any, **options: Any) -> None:
        del args, options
        try:
            code = first_run_code(at=clock.now())
        except InvitationError as error:
            raise CommandError(str(error)) from error
        if settings.LOCAL and settings.OPSPORTAL_HOME.is_dir():
            path = settings.OPSPORTAL_HOME / CODE_FILE
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f"{code}\n")
        self.stdout.write(code)
