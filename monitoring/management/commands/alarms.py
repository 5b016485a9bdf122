"""`manage.py alarms lint`: what is wrong with the alarm rules, for a shell or a pipeline."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitoring.lint import lint_rules
from monitoring.selectors.rules import rules_in_force
from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.core.formats import plural
from opsportal.platforms.models import Platform


class Command(BaseCommand):
    help = "Look at the alarm rules in force. Exit code 1 when there is an error among the findings, else 0."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
        lint = steps.add_parser("lint", help="print every finding, errors first")
        lint.add_argument("--platform", metavar="KEY", help="only the rules of this platform")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        platform = None
        if options["platform"]:
            platform = Platform.objects.filter(key=options["platform"]).first()
            if platform is None:
                raise CommandError(f"There is no platform {options['platform']}.")
        rules = rules_in_force(system_actor("manage.py alarms lint"), platform_id=platform.pk if platform else None)
        found = lint_rules(rules, at=clock.now())
        for one in found:
            self.stdout.write(f"{one.level:<7} {one.rule.platform.key} {one.rule.key}: {one.text} [{one.code}]")
        errors = sum(one.level == "error" for one in found)
        self.stdout.write(f"{plural(len(rules), 'rule')}, {plural(len(found), 'finding')}, {plural(errors, 'error')}.")
        if errors:
            sys.exit(1)
