"""`manage.py databases`: platforms' databases as they answered, and one asked now, also while no worker runs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitoring.databases.reading import database_read
from monitoring.models import TargetDatabase
from monitoring.selectors.databases import BY_NAME, DatabaseCard, cards_of, databases_of
from opsportal.core import clock
from opsportal.core.actor import system_actor

BY = system_actor("manage.py databases")


class Command(BaseCommand):
    help = "Print the newest answers of platforms' databases; `read` asks one of them first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
        steps.add_parser("list", help="every database with its state")
        read = steps.add_parser("read", help="ask a database by SQL that only reads, and print every answer")
        read.add_argument("platform", metavar="PLATFORM", help="key of the platform")
        read.add_argument("key", metavar="KEY", help="key of the database")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        if options["step"] == "read":
            self._read(options["platform"], options["key"])
            return
        for card in cards_of(databases_of(BY).order_by(*BY_NAME), at=clock.now()):
            self._head(card)

    def _read(self, platform: str, key: str) -> None:
        database = TargetDatabase.objects.filter(platform__key=platform, key=key).first()
        if database is None:
            raise CommandError(f"{platform} has no database {key}.")
        if database_read(database=database, at=clock.now()) is None:
            raise CommandError("Another reading of it is under way.")
        card = cards_of(databases_of(BY).filter(pk=database.pk), at=clock.now())[0]
        if card.error:
            raise CommandError(f"It could not be read: {card.error}")
        self._head(card)
        for row in card.answers:
            if row.answer is not None:
                self.stdout.write(f"  {row.answer.verdict or '-':<8} {row.question.title}: {row.answer.summary}")

    def _head(self, card: DatabaseCard) -> None:
        read = f"read {card.fetched_at:%Y-%m-%d %H:%M}" if card.fetched_at else "never read"
        self.stdout.write(
            f"{card.state:<8} {card.database.platform.key} {card.database.key}, {read} {card.error}".rstrip()
        )
