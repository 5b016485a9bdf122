"""`manage.py openslo export|import`: objectives of a platform as OpenSLO v1."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from monitoring.models import Slo
from monitoring.selectors.slo_report import versions_at
from monitoring.services.binding import series_bind
from monitoring.services.objectives import slo_put
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.packs.documents import PackError
from opsportal.packs.openslo import read, write
from opsportal.platforms.models import Platform, PolicySource


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
            slos = list(Slo.objects.filter(platform=platform, enabled=True).select_related("service").order_by("key"))
            versions = versions_at(slos, now())
            self.stdout.write(write([(slo, versions[slo.pk]) for slo in slos if slo.pk in versions]), ending="")
            return
        self._import(platform, options["file"])

    def _import(self, platform: Platform, path: Path) -> None:
        try:
            declared = read(path.read_text(encoding="utf-8"), path.name)
        except PackError as error:
            raise CommandError(f"Nothing was changed.\n{error}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        by, at = system_actor("manage.py openslo"), now()
        services = {service.key: service for service in platform.services.all()}
        missing = sorted({one.service for one in declared if one.service} - set(services))
        if missing:
            raise CommandError(f"Nothing was changed: {platform.name} has no service {', '.join(missing)}.")
        with transaction.atomic():
            for one in declared:
                values = one.values | {"service": services.get(one.service), "source": PolicySource.EDITED}
                slo_put(by=by, at=at, platform=platform, key=one.key, values=values)
            series_bind(by=by, at=at, platform=platform)
        self.stdout.write(f"{len(declared)} objectives of {platform.name} are as the file says.")
