"""`manage.py incident declare|log|status|resolve|list|export`: from a shell, as a person, answered in JSON."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents import selectors
from incidents.api.serializers import EntrySerializer, IncidentSerializer
from incidents.choices import DetectionSource, IncidentType
from incidents.commands import CommandError as LineError
from incidents.commands import parse
from incidents.errors import IncidentError
from incidents.models import Incident
from incidents.selectors import IncidentFilter
from incidents.services import incident_declare
from incidents.services.composer import composer_run
from incidents.services.declare import declaration_of
from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.core.markdown import clean_text
from opsportal.core.models import VersionConflictError
from opsportal.core.pagination import keyset_page
from opsportal.platforms.models import Platform

AS: Final = "OPSPORTAL_AS"
REQUEST: Final = "manage.py incident"
MOST: Final = 500


class Command(BaseCommand):
    zone = "UTC"  # of who acts: times are typed in it
    help = "Declares, logs, moves, resolves, lists and exports incidents. Every answer is JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = CommandParser(add_help=False, called_from_command_line=True)
        person.add_argument("--as", dest="email", default=os.environ.get(AS, ""), help=f"address of who acts; or {AS}")
        verbs = parser.add_subparsers(dest="verb", required=True)

        def verb(name: str, text: str) -> CommandParser:
            added: CommandParser = verbs.add_parser(name, help=text, parents=[person])
            return added

        declare = verb("declare", "open an incident and take command of it")
        declare.add_argument("title")
        declare.add_argument("--platform", required=True, help="key of the platform")
        declare.add_argument("--service", help="key of the service")
        declare.add_argument("--severity", help="the platform's own label, e.g. P1")
        declare.add_argument("--type", choices=IncidentType.values)
        declare.add_argument("--summary")
        declare.add_argument("--key", help="the same key again returns the incident that exists")
        declare.add_argument("--no-command", action="store_true", help="leave command to someone else")
        log = verb("log", "log a line; a leading slash acts, as in the composer")
        log.add_argument("number", type=int)
        log.add_argument("line")
        log.add_argument("--key", default="", help="the same key again logs nothing new")
        status = verb("status", "how it stands; with a word: go to that stage, or mitigated")
        status.add_argument("number", type=int)
        status.add_argument("word", nargs="?")
        resolve = verb("resolve", "it is over")
        resolve.add_argument("number", type=int)
        resolve.add_argument("text", help="what ended it")
        listed = verb("list", f"the newest incidents, at most {MOST}")
        listed.add_argument("--platform", default="")
        listed.add_argument("--state", choices=["open", "resolved", "closed"], default="")
        export = verb("export", "the record and its whole timeline")
        export.add_argument("number", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        verbs: dict[str, Callable[[Actor, dict[str, Any]], Any]] = {
            "declare": self._declare,
            "log": self._log,
            "status": self._status,
            "resolve": self._resolve,
            "list": self._list,
            "export": self._export,
        }
        actor = self._actor(options["email"])
        try:
            answer = verbs[options["verb"]](actor, options)
        except HiddenError as error:
            raise CommandError("There is no such incident, or it is not for this person.") from error
        except VersionConflictError as error:
            raise CommandError("Someone changed it in this moment; nothing was done. Try again.") from error
        except (DeniedError, BadRequest, LineError, IncidentError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _actor(self, email: str) -> Actor:
        person = User.objects.filter(email=email.lower(), is_active=True).first()
        if person is None:
            raise CommandError(
                f"Nobody active here has the address {email}." if email else f"Say who acts: --as EMAIL, or {AS}."
            )
        self.zone = person.zone
        return replace(user_actor(person), request_id=REQUEST)  # the audit says that it came from a shell

    def _incident(self, actor: Actor, number: int, action: str) -> Incident:
        incident = selectors.incident_by_number(actor, number)
        authorize(actor, action, incident)
        return incident

    def _declare(self, actor: Actor, options: dict[str, Any]) -> Any:
        names = ("title", "platform", "service", "severity", "type", "summary")
        asked = {name: clean_text(options[name]) for name in names if options[name]}
        declaration = declaration_of(
            actor,
            **asked,
            detection_source=DetectionSource.EXTERNAL_MONITOR,
            take_command=not options["no_command"],
            declare_key=options["key"],
        )
        return _shown(incident_declare(by=actor, at=clock.now(), declaration=declaration))

    def _log(self, actor: Actor, options: dict[str, Any]) -> Any:
        return self._line(actor, options["number"], options["line"], key=options["key"])

    def _status(self, actor: Actor, options: dict[str, Any]) -> Any:
        if options["word"]:
            return self._line(actor, options["number"], f"/status {options['word']}")
        return _shown(self._incident(actor, options["number"], "incidents.incident_view"))

    def _resolve(self, actor: Actor, options: dict[str, Any]) -> Any:
        return self._line(actor, options["number"], f"/status resolved {options['text']}")

    def _line(self, actor: Actor, number: int, line: str, *, key: str = "") -> Any:
        """What the composer does with one line."""
        incident, now = self._incident(actor, number, "incidents.entry_log"), clock.now()
        command = parse(line, now=now, zone=self.zone)
        composer_run(by=actor, at=now, incident=incident, expected=incident.version, command=command, client_key=key)
        return _shown(selectors.incident_by_number(actor, number))

    def _list(self, actor: Actor, options: dict[str, Any]) -> Any:
        platform = Platform.objects.visible_to(actor).filter(key=options["platform"]).first()
        if options["platform"] and platform is None:
            raise CommandError(f"There is no platform {options['platform']}, or it is not for this person.")
        asked = IncidentFilter(platform_id=platform.pk if platform else None, state=options["state"])
        rows = selectors.filtered(actor, asked, now=clock.now())
        rows = rows.select_related("platform", "service", "severity", "commander")
        page = keyset_page(rows, order=("-number",), cursor=None, size=MOST)
        return IncidentSerializer(page.rows, many=True).data

    def _export(self, actor: Actor, options: dict[str, Any]) -> Any:
        incident = self._incident(actor, options["number"], "incidents.incident_export")
        timeline = EntrySerializer(selectors.whole_timeline(incident), many=True).data
        return {**_shown(incident), "timeline": timeline}


def _shown(incident: Incident) -> dict[str, Any]:
    return dict(IncidentSerializer(incident).data)
