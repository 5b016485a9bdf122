"""`manage.py dashboards list|show|keep|change|delete`: dashboards from a shell, in the JSON of the API."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.api.dashboards import (
    DashboardAddSerializer,
    DashboardChangeSerializer,
    DashboardListSerializer,
    DashboardSerializer,
    columns_of,
)
from monitoring.management.person import acting_person, person_parser, refusals_said
from monitoring.models import Dashboard
from monitoring.selectors.dashboards import dashboards_of
from monitoring.services.dashboards import (
    KEEP,
    SHARE,
    dashboard_add,
    dashboard_change,
    dashboard_delete,
    needed_to_change,
)
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.gate import HiddenError, authorize
from opsportal.platforms.selectors import platform_for

REQUEST: Final = "manage.py dashboards"
VIEW: Final = "monitoring.dashboard_view"


class Command(BaseCommand):
    help = "Lists, shows, keeps, changes and deletes dashboards; what is kept comes as JSON on standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        person = person_parser()
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every dashboard this person may see", parents=[person])
        verbs.add_parser("keep", help="keep a new one: the body of the API's POST", parents=[person])
        for verb, words in (
            ("show", "one, with the series behind each chart"),
            ("change", "change one: the body of the API's PATCH"),
            ("delete", "throw one away"),
        ):
            own = verbs.add_parser(verb, help=words, parents=[person])
            own.add_argument("dashboard", type=int, help="id of a dashboard")
            if verb != "show":
                own.add_argument("--version", type=int, required=True, help="the version that was looked at")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        verbs: dict[str, Callable[[Actor, dict[str, Any]], Any]] = {
            "list": self._list,
            "show": self._show,
            "keep": self._keep,
            "change": self._change,
            "delete": self._delete,
        }
        actor = acting_person(options["email"], request=REQUEST)
        with refusals_said():
            answer = verbs[options["verb"]](actor, options)
        self.stdout.write(json.dumps(answer, indent=2, default=str))

    def _list(self, actor: Actor, options: dict[str, Any]) -> Any:
        del options
        rows = dashboards_of(actor).order_by("platform__key", "name", "pk")
        return DashboardListSerializer(rows, many=True).data

    def _show(self, actor: Actor, options: dict[str, Any]) -> Any:
        return DashboardSerializer(_one(actor, options, VIEW)).data

    def _keep(self, actor: Actor, options: dict[str, Any]) -> Any:
        del options
        said = _said(DashboardAddSerializer)
        is_shared = said.get("shared", False)
        platform = platform_for(SHARE if is_shared else KEEP, actor, said["platform"])
        kept = dashboard_add(by=actor, at=clock.now(), platform=platform, values=columns_of(said), is_shared=is_shared)
        return DashboardSerializer(kept).data

    def _change(self, actor: Actor, options: dict[str, Any]) -> Any:
        found, said = _one(actor, options), _said(DashboardChangeSerializer)
        share = said.get("shared", False)
        if share:
            authorize(actor, SHARE, found.platform)
        dashboard_change(
            by=actor, at=clock.now(), dashboard=found, expected=options["version"], values=columns_of(said), share=share
        )
        return self._show(actor, options)

    def _delete(self, actor: Actor, options: dict[str, Any]) -> Any:
        found = _one(actor, options)
        dashboard_delete(by=actor, at=clock.now(), dashboard=found, expected=options["version"])
        return {"deleted": options["dashboard"]}


def _one(actor: Actor, options: dict[str, Any], action: str = "") -> Dashboard:
    found: Dashboard | None = dashboards_of(actor).filter(pk=options["dashboard"]).first()
    if found is None:
        raise HiddenError(action or KEEP)
    authorize(actor, action or needed_to_change(found), found)
    return found


def _said(serializer: type[DashboardChangeSerializer]) -> dict[str, Any]:
    """What stands on standard input, as the API would take it. Raises CommandError."""
    try:
        read = serializer(data=json.load(sys.stdin))
    except ValueError as error:
        raise CommandError(f"Standard input is no JSON: {error}") from error
    if not read.is_valid():
        raise CommandError(json.dumps(read.errors))
    return dict(read.validated_data)
