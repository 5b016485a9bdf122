"""`manage.py beat list|add`: jobs that tell the portal that they ran, from a shell, answered in JSON."""

import json
from contextlib import suppress
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.api.heartbeats import HeartbeatMadeSerializer, HeartbeatSerializer
from monitoring.management.person import acting_person, person_parser, refusals_said
from monitoring.selectors.heartbeats import ORDER, heartbeats_of
from monitoring.services.heartbeats import heartbeat_add
from monitoring.services.links import address_of
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import StaleMfaError, authorize
from opsportal.platforms.models import Platform

EDIT: Final = "monitoring.heartbeat_edit"


class Command(BaseCommand):
    help = "Lists jobs by their heartbeats, or makes one and prints its link, this once. Answers JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every job this person may see, what is late first", parents=[person])
        add = verbs.add_parser("add", help="make one and print its link", parents=[person])
        add.add_argument("platform", help="key of the platform")
        add.add_argument("key", help="a slug that names the job")
        add.add_argument("name", help="the job, as people call it")
        when = add.add_mutually_exclusive_group(required=True)
        when.add_argument("--cron", default="", help="when it runs: five fields, read in --zone")
        when.add_argument("--every", type=int, default=0, metavar="SECONDS", help="how long after its last beat")
        add.add_argument("--zone", default="UTC", help="IANA name; without it UTC")
        add.add_argument("--grace", type=int, default=300, metavar="SECONDS")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        actor = acting_person(options["email"], request="manage.py beat")
        answer = self._add(actor, options) if options["verb"] == "add" else self._list(actor)
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _list(self, actor: Actor) -> Any:
        return HeartbeatSerializer(heartbeats_of(actor, at=clock.now()).order_by(*ORDER), many=True).data

    def _add(self, actor: Actor, options: dict[str, Any]) -> Any:
        platform = Platform.objects.visible_to(actor).filter(key=options["platform"]).first()
        if platform is None:
            raise CommandError("There is no such platform, or it is not for this person.")
        values = {
            "name": options["name"], "cron": options["cron"], "zone": options["zone"],
            "every_seconds": options["every"], "grace_seconds": options["grace"],
        }  # fmt: skip
        with refusals_said():
            with suppress(StaleMfaError):  # a shell on the portal's own machine has no second factor to show
                authorize(actor, EDIT, platform)
            made, secret = heartbeat_add(by=actor, at=clock.now(), platform=platform, key=options["key"], values=values)
        return HeartbeatMadeSerializer(made, context={"link": address_of("monitoring:beat", secret)}).data
