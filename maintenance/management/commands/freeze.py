"""`manage.py freeze list|begin|end`: change freezes from a shell, as a person, answered in JSON."""

import json
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from maintenance.api.serializers import WindowSerializer
from maintenance.api.views import window_rows
from maintenance.models import OccurrenceState, WindowKind
from maintenance.services.freezes import freeze_begin, freeze_end
from monitoring.management.person import acting_person, person_parser
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.core.models import VersionConflictError
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Service
from opsportal.platforms.selectors import platform_for

SET: Final = "maintenance.freeze_set"
FURTHEST: Final = 24 * 366  # hours; far more than a freeze may last, and no overflow


class Command(BaseCommand):
    help = "Lists the change freezes that hold, begins one, or ends one. Answers JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="what is frozen now", parents=[person])
        begin = verbs.add_parser("begin", help="freeze changes from now on", parents=[person])
        begin.add_argument("platform", help="key of the platform")
        begin.add_argument("reason")
        begin.add_argument("--service", default="", help="key of a service; without it the whole platform")
        begin.add_argument("--hours", type=int, required=True, help="how long")
        end = verbs.add_parser("end", help="let changes go on", parents=[person])
        end.add_argument("id", type=int)
        end.add_argument("reason")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        by = acting_person(options["email"], request="manage.py freeze")
        try:
            answer = {"list": self._list, "begin": self._begin, "end": self._end}[options["verb"]](by, options)
        except HiddenError as error:
            raise CommandError("There is no such thing, or it is not for this person.") from error
        except VersionConflictError as error:
            raise CommandError("Someone changed it in this moment; nothing was done. Try again.") from error
        except (DeniedError, RefusedError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _list(self, by: Actor, _options: dict[str, Any]) -> Any:
        rows = window_rows(by).filter(window__kind=WindowKind.FREEZE, state=OccurrenceState.OPEN)
        return WindowSerializer(rows.filter(ends_at__gt=clock.now()).order_by("ends_at", "pk"), many=True).data

    def _begin(self, by: Actor, options: dict[str, Any]) -> Any:
        platform = platform_for(SET, by, options["platform"])
        service = Service.objects.filter(platform=platform, key=options["service"]).first()
        if options["service"] and service is None:
            raise CommandError(f"{platform.key} has no service {options['service']}.")
        at = clock.now()
        made = freeze_begin(
            by=by, at=at, platform=platform, service=service, reason=options["reason"],
            ends_at=at + timedelta(hours=max(0, min(options["hours"], FURTHEST))),
        )  # fmt: skip
        return WindowSerializer(made).data

    def _end(self, by: Actor, options: dict[str, Any]) -> Any:
        row = window_rows(by).filter(pk=options["id"]).first()
        if row is None:
            raise HiddenError(SET)
        authorize(by, SET, row)
        freeze_end(by=by, at=clock.now(), occurrence=row, expected=row.version, reason=options["reason"])
        return WindowSerializer(row).data
