"""`manage.py logqueries list|lint|ask|show|cap`: saved questions to the logs from a shell, answered in JSON."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandParser

from monitoring.api.log_caps import SET, LogCapSerializer
from monitoring.api.log_queries import LogLinesSerializer, LogQuerySerializer, LogRunSerializer
from monitoring.insights.lint import lint_query
from monitoring.management.person import acting_person, person_parser, refusals_said
from monitoring.models import LogRun
from monitoring.selectors.log_costs import cap_of, log_month
from monitoring.selectors.log_queries import kept_lines, queries_of
from monitoring.services.log_caps import log_cap_set
from monitoring.services.log_queries import log_query_ask
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import allows, permitted
from opsportal.platforms.selectors import platform_for

REQUEST: Final = "manage.py logqueries"
VIEW, ASK, READ = "monitoring.log_query_view", "monitoring.log_query_ask", "monitoring.log_lines_view"


class Command(BaseCommand):
    help = "Lists saved questions to the logs, looks one over, has a worker ask it, shows a run. Answers JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every question this person may see", parents=[person])
        verbs.add_parser("lint", help="what is wrong with the question on standard input; 1 when it would be refused")
        ask = verbs.add_parser("ask", help="have a worker ask it; answers the run", parents=[person])
        ask.add_argument("query", type=int, help="id of a question")
        ask.add_argument("--minutes", type=int, help="how far back; else as the question says")
        cap = verbs.add_parser("cap", help="what a platform's questions read this month, and may", parents=[person])
        cap.add_argument("platform", help="key of a platform")
        cap.add_argument("--gb", type=int, help="GB a month from now on")
        show = verbs.add_parser("show", help="a run, with its lines for who may read them", parents=[person])
        show.add_argument("run", type=int, help="id of a run")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        if options["verb"] == "lint":
            found = lint_query(sys.stdin.read())
            self._say([asdict(finding) for finding in found])
            if any(finding.level == "error" for finding in found):
                sys.exit(1)
            return
        verbs: dict[str, Callable[[Actor, dict[str, Any]], Any]] = {
            "list": self._list,
            "ask": self._ask,
            "show": self._show,
            "cap": self._cap,
        }
        actor = acting_person(options["email"], request=REQUEST)
        with refusals_said():
            self._say(verbs[options["verb"]](actor, options))

    def _say(self, answer: Any) -> None:
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _list(self, actor: Actor, options: dict[str, Any]) -> Any:
        del options
        return LogQuerySerializer(queries_of(actor).order_by("platform__key", "name", "pk"), many=True).data

    def _ask(self, actor: Actor, options: dict[str, Any]) -> Any:
        query = permitted(actor, ASK, queries_of(actor), pk=options["query"])
        minutes = query.minutes if options["minutes"] is None else options["minutes"]
        run = log_query_ask(by=actor, at=clock.now(), query=query, minutes=minutes)
        return LogRunSerializer(run).data

    def _cap(self, actor: Actor, options: dict[str, Any]) -> Any:
        gb_a_month: int | None = options["gb"]
        platform = platform_for(VIEW if gb_a_month is None else SET, actor, options["platform"])
        if gb_a_month is not None:
            LogCapSerializer(data={"gb_a_month": gb_a_month}).is_valid(raise_exception=True)
            log_cap_set(
                by=actor, at=clock.now(), platform=platform, expected=cap_of(platform).version, gb_a_month=gb_a_month
            )
        return LogCapSerializer(log_month(platform, at=clock.now())).data

    def _show(self, actor: Actor, options: dict[str, Any]) -> Any:
        run = permitted(actor, VIEW, LogRun.objects.visible_to(actor), pk=options["run"])
        kept = kept_lines(run, size=1_000) if allows(actor, READ, run) else None
        return {**LogRunSerializer(run).data, "lines": LogLinesSerializer(kept).data if kept else None}
