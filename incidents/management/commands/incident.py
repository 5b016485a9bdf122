"""`manage.py incident VERB`: from a shell, as a person, answered in JSON; the verbs: `incidents.management.shell`."""

import json
import os
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import BadRequest
from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents.choices import DetectionSource, IncidentType
from incidents.commands import CommandError as LineError
from incidents.errors import IncidentError
from incidents.management.shell import MOST, PARTS, SHELL_ACTS, VERBS, Typed
from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.core.gate import DeniedError, HiddenError
from opsportal.core.models import VersionConflictError

AS: Final = "OPSPORTAL_AS"
REQUEST: Final = "manage.py incident"


class Command(BaseCommand):
    help = "Declares, works on, resolves, lists and exports incidents; settles users' reports. Every answer is JSON."
    requires_system_checks: tuple[str, ...] = ()  # they load every page, and an emergency has no time for it

    def add_arguments(self, parser: CommandParser) -> None:
        person = CommandParser(add_help=False, called_from_command_line=True)
        person.add_argument("--as", dest="email", default=os.environ.get(AS, ""), help=f"address of who acts; or {AS}")
        verbs = parser.add_subparsers(dest="verb", required=True)

        def verb(name: str, text: str, *words: str) -> CommandParser:
            """A verb; `words` end in # where they are a number."""
            added: CommandParser = verbs.add_parser(name, help=text, parents=[person])
            for word in words:
                added.add_argument(word.rstrip("#"), type=int if word.endswith("#") else str)
            return added

        _incidents(verb)
        _boards(verb)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        person = User.objects.filter(email=options["email"].lower(), is_active=True).first()
        if person is None:
            named = options["email"]
            raise CommandError(
                f"Nobody active here has the address {named}." if named else f"Say who acts: --as EMAIL, or {AS}."
            )
        by = replace(user_actor(person), request_id=REQUEST)  # the audit says that it came from a shell
        try:
            answer = VERBS[options["verb"]](Typed(by, person.zone, options))
        except HiddenError as error:
            raise CommandError("There is no such incident, or it is not for this person.") from error
        except VersionConflictError as error:
            raise CommandError("Someone changed it in this moment; nothing was done. Try again.") from error
        except (DeniedError, BadRequest, LineError, IncidentError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(answer, indent=2, default=str))


def _incidents(verb: Any) -> None:
    """What is done to one incident."""
    declare = verb("declare", "open an incident and take command of it", "title")
    declare.add_argument("--platform", required=True, help="key of the platform")
    declare.add_argument("--service", help="key of the service")
    declare.add_argument("--severity", help="the platform's own label, e.g. P1")
    declare.add_argument("--type", choices=IncidentType.values)
    declare.add_argument("--found-by", choices=DetectionSource.values, default=DetectionSource.TEAM_OBSERVATION)
    declare.add_argument("--summary")
    declare.add_argument("--key", help="the same key again returns the incident that exists")
    declare.add_argument("--no-command", action="store_true", help="leave command to someone else")
    log = verb("log", "log a line; a leading slash acts, as in the composer", "number#", "line")
    log.add_argument("--key", default="", help="the same key again logs nothing new")
    status = verb("status", "how it stands; with a word: go to that stage, or mitigated", "number#")
    status.add_argument("word", nargs="?")
    verb("resolve", "it is over", "number#", "text")
    act = verb("act", "what the API's incidents/N/ACT/ does, and describe: cause=… users.answer=yes", "number#")
    act.add_argument("act", choices=sorted(SHELL_ACTS))
    act.add_argument("fields", nargs="*", metavar="FIELD=VALUE")
    show = verb("show", "what hangs on it", "number#")
    show.add_argument("part", choices=list(PARTS))
    task = verb("task", "a response task is done", "number#", "id#")
    task.add_argument("--undo", action="store_true", help="it is not done after all")
    verb("review", "its review, drafted from the record when there is none yet", "number#")
    verb("export", "the record and its whole timeline", "number#")


def _boards(verb: Any) -> None:
    """What stands beside: lists, the queue, problems, users' reports."""
    listed = verb("list", f"the newest incidents, at most {MOST}")
    listed.add_argument("--state", choices=["open", "resolved", "closed"], default="")
    queue = verb("queue", "mild open incidents, the longest waiting first")
    problems = verb("problems", "problem records, the newest first")
    reports = verb("reports", "users' reports that wait, the oldest first")
    for board in (listed, queue, problems, reports):
        board.add_argument("--platform", default="", help="key of the platform")
    verb("answer", "settle a user's report with what was answered", "id#", "text")
    verb("attach", "make a user's report part of an incident", "id#", "number#")
