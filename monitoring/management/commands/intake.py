"""`manage.py intake list|messages|replay|test`: sources of outside alerts from a shell, answered in JSON."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from monitoring.api.intake import AlertSourceSerializer, InboundMessageSerializer
from monitoring.management.person import acting_person, person_parser, refusals_said
from monitoring.models import AlertSource, InboundMessage, InboundVerdict
from monitoring.selectors.intake import message_page
from monitoring.services.alert_sources import source_test
from monitoring.services.inbound import message_replay
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, StaleMfaError, authorize, permitted, platforms_where

REQUEST: Final = "manage.py intake"
MOST: Final = 200


class Command(BaseCommand):
    help = "Lists sources of outside alerts and their messages, judges a message anew, sends a sample. Answers JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every source of the platforms this person administers", parents=[person])
        messages = verbs.add_parser("messages", help=f"the newest messages, at most {MOST}", parents=[person])
        messages.add_argument("--source", type=int, help="id of a source")
        messages.add_argument("--verdict", choices=InboundVerdict.values, default="")
        again = verbs.add_parser("replay", help="judge a message anew", parents=[person])
        again.add_argument("message", type=int)
        sample = verbs.add_parser("test", help="put a sample among a source's messages", parents=[person])
        sample.add_argument("source", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        verbs: dict[str, Callable[[Actor, dict[str, Any]], Any]] = {
            "list": self._list,
            "messages": self._messages,
            "replay": self._replay,
            "test": self._test,
        }
        actor = acting_person(options["email"], request=REQUEST)
        with refusals_said():
            answer = verbs[options["verb"]](actor, options)
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _list(self, actor: Actor, options: dict[str, Any]) -> Any:
        del options
        rows = AlertSource.objects.filter(platform__in=platforms_where(actor, "monitoring.alert_source_view"))
        rows = rows.select_related("platform", "service", "severity").order_by("platform__key", "name", "pk")
        return AlertSourceSerializer(rows, many=True).data

    def _messages(self, actor: Actor, options: dict[str, Any]) -> Any:
        page = message_page(
            actor,
            platform_ids=platforms_where(actor, "monitoring.inbound_view"),
            source_id=options["source"],
            verdict=options["verdict"],
            size=MOST,
        )
        return InboundMessageSerializer(page.rows, many=True).data

    def _replay(self, actor: Actor, options: dict[str, Any]) -> Any:
        rows = InboundMessage.objects.visible_to(actor).select_related("replay_of", "source", "platform")
        found = permitted(actor, "monitoring.inbound_replay", rows, pk=options["message"])
        return InboundMessageSerializer(message_replay(by=actor, at=clock.now(), message=found)).data

    def _test(self, actor: Actor, options: dict[str, Any]) -> Any:
        source = AlertSource.objects.visible_to(actor).select_related("platform").filter(pk=options["source"]).first()
        if source is None:
            raise HiddenError("monitoring.alert_source_edit")
        with suppress(StaleMfaError):  # a shell on the portal's own machine has no second factor to show
            authorize(actor, "monitoring.alert_source_edit", source)
        message = source_test(by=actor, at=clock.now(), source=source)
        return InboundMessageSerializer(message).data
