"""`manage.py demo`: people, codes, faults, and the next list or window."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from maintenance.models import ChecklistTemplate
from opsportal.core import clock
from opsportal.local.aws.control import ControlError
from opsportal.local.demo.people import PEOPLE, present_code
from opsportal.local.demo.present import ListsOpenError, checklist_open, window_open_now
from opsportal.local.demo.seed import seed
from opsportal.local.demo.switch import VERBS, add_verbs, switch
from opsportal.local.environment import Home

NEXT = """Try next:
  manage.py demo fault db-connections   an incident opens by itself within three minutes
  manage.py demo fault NAME             one of error-rate, latency, backup-missing, certificate-expiry,
                                        service-down, log-silence
  manage.py demo heal                   the metric comes back; resolve the incident, read the drafted review
  manage.py demo checklist              a list is due now; tick it in two browsers
  manage.py demo window                 a maintenance window opens; its plan waits for the commander or the admin
  manage.py demo code EMAIL             six digits for the commander and the admin
"""
APPROVERS = "the commander or the admin approves its plan, with six digits from `manage.py demo code EMAIL`"


class Command(BaseCommand):
    help = "The living demo."
    requires_system_checks: tuple[str, ...] = ()  # they load every page, and the demo has none

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb")
        verbs.add_parser("seed", help="make people, platforms and the past, where missing")
        add_verbs(verbs)
        for verb, text in (("checklist", "open a list now"), ("window", f"open a maintenance window now; {APPROVERS}")):
            parser_of_verb = verbs.add_parser(verb, help=text, description=text)
            parser_of_verb.add_argument("--platform", default="shop-management" if verb == "window" else "solemate")
        code = verbs.add_parser("code", help="the present six digits of a person")
        code.add_argument("email")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This stack is no demo.")
        verb = options["verb"]
        if verb is None:
            self.stdout.write(NEXT)
            return
        try:
            if verb in VERBS:
                self.stdout.write(switch(options, settings.AWS_ENDPOINT_URL or ""))
            else:
                self.stdout.write(getattr(self, f"do_{verb}")(options))
        except ControlError as error:
            raise CommandError(str(error)) from error

    def do_seed(self, _options: dict[str, Any]) -> str:
        return f"{seed(at=clock.now(), home=Home(settings.OPSPORTAL_HOME))} steps of the past told"

    def do_checklist(self, options: dict[str, Any]) -> str:
        try:
            run = checklist_open(at=clock.now(), platform=options["platform"])
        except (ChecklistTemplate.DoesNotExist, ListsOpenError) as error:
            raise CommandError(str(error)) from error
        return f"{run.name} is open: {settings.PUBLIC_URL}/checklists/{run.pk}/"

    def do_window(self, options: dict[str, Any]) -> str:
        occurrence = window_open_now(at=clock.now(), platform=options["platform"])
        return (
            f"{occurrence.window.name} is open until {occurrence.ends_at:%H:%M} UTC: "
            f"{settings.PUBLIC_URL}/maintenance/\n"
            f"{settings.PUBLIC_URL}/plans/: {APPROVERS}."
        )

    def do_code(self, options: dict[str, Any]) -> str:
        code = present_code(options["email"])
        if code is None:
            people = ", ".join(person.email for person in PEOPLE if person.has_totp)
            raise CommandError(f"{options['email']} has no second factor; these have: {people}.")
        return code
