"""`manage.py openslo export|import`: objectives of a platform as OpenSLO v1."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.packs.documents import PackError
from opsportal.packs.exchange import objectives_take, objectives_text
from opsportal.platforms.models import Platform


class Command(BaseCommand):
    help = "Write a platform's objectives as OpenSLO v1, or read such a file: whole, or not at all."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        one = actions.add_parser("export", help="print the objectives as they hold now")
        one.add_argument("platform", help="key of the platform")
        one = actions.add_parser("import", help="new objectives are made, changed ones get a new version from now on")
        one.add_argument("platform", help="key of the platform")
        one.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        platform = Platform.objects.filter(key=options["platform"]).first()
        if platform is None:
            raise CommandError(f"There is no platform {options['platform']}.")
        if options["action"] == "export":
            self.stdout.write(objectives_text(platform, now()), ending="")
            return
        self._import(platform, options["file"])

    def _import(self, platform: Platform, path: Path) -> None:
        by = system_actor("manage.py openslo")
        try:
            text = path.read_text(encoding="utf-8")
            taken = objectives_take(by=by, at=now(), platform=platform, text=text, file=path.name)
        except PackError as error:
            raise CommandError(f"Nothing was changed.\n{error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        self.stdout.write(f"{len(taken)} objectives of {platform.name} are as the file says.")
