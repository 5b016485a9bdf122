"""`migrate` as the owner role, then the app role's rights.

Two roles: `DATABASE_OWNER_URL` migrates, `DATABASE_URL` runs (docs/adr). Without an owner URL Django's own
behaviour stays, and one sentence says what is lost.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.utils import ProgrammingError

from opsportal.core.roles import create_role_statement, grant_app_role, grant_statements, role_exists


class Command(migrate.Command):
    help = "Updates the schema as the owner role and grants the app role its rights."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner" if "owner" in settings.DATABASES else "default")

    def handle(self, *args: Any, **options: Any) -> str | None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            # A migration that cannot get its lock soon stops, instead of queueing every reader behind it.
            cursor.execute("SET lock_timeout = '4s'")
        super().handle(*args, **options)
        if options.get("plan") or options.get("check_unapplied"):
            return None
        self._grant(options["database"])
        return None

    def _grant(self, alias: str) -> None:
        app = settings.DATABASES["default"]
        if alias != "owner" or app["USER"] == settings.DATABASES["owner"]["USER"]:
            self.stderr.write("One database role for all: set DATABASE_OWNER_URL so that history cannot be rewritten.")
            return
        connection, role = connections[alias], app["USER"]
        try:
            if not role_exists(connection, role):
                with connection.cursor() as cursor:
                    cursor.execute(create_role_statement(role, app["PASSWORD"]))
            grant_app_role(connection, role)
        except ProgrammingError as error:
            statements = [] if role_exists(connection, role) else [create_role_statement(role, "…")]
            for statement in [*statements, *grant_statements(role, connection)]:
                self.stdout.write(f"{statement};")
            reason = str(error).partition("\n")[0]
            # Not a success: what starts after this would run as a role without its rights.
            raise CommandError(f"The owner role may not do this ({reason}): run the above as a superuser.") from error
