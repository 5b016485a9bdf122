"""`manage.py report`: list, show, comment on, publish and verify the reports of periods."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.management.person import acting_person, person_parser
from monitoring.slo.periods import HELP, Period, PeriodError, parse
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.core.gate import DeniedError, HiddenError, authorize
from opsportal.platforms.days import zone_of
from opsportal.platforms.models import Platform, Service
from opsportal.reports.models import PublishedReport
from opsportal.reports.period.body import canonical, newest_commentary, report_body
from opsportal.reports.period.services import ReportError, commentary_write, report_publish
from opsportal.reports.period.verification import verify

SHOWN = 20  # differences printed


class Command(BaseCommand):
    help = "Reports of periods: list the published ones, show, comment on, publish or verify one."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="published reports, the newest first")
        for name, text in (("show", "print the live figures as JSON"), ("publish", "freeze a report")):
            one = actions.add_parser(name, help=text)
            one.add_argument("platform", help="key of the platform")
            one.add_argument("period", help=HELP)
            one.add_argument("--service", default="", help="key of a service")
        one = actions.add_parser("comment", help="a new version of the commentary", parents=[person_parser()])
        one.add_argument("platform", help="key of the platform")
        one.add_argument("period", help=HELP)
        one.add_argument("text", help="Markdown")
        one.add_argument("--service", default="", help="key of a service")
        one = actions.add_parser("verify", help="hash, audit trail, and the figures computed again")
        one.add_argument("number", type=int, help="the report's number in its address")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["action"] == "list":
            self._list()
        elif options["action"] == "verify":
            self._verify(options["number"])
        else:
            self._one(options)

    def _list(self) -> None:
        rows = PublishedReport.objects.select_related("platform", "service").defer("body")
        for row in rows.order_by("-published_at", "-id")[:100]:
            service = f"/{row.service.key}" if row.service else ""
            name = f"{row.platform.key}{service} {row.period_key} edition {row.number}"
            self.stdout.write(f"{row.pk}  {name}  {row.published_at:%Y-%m-%d %H:%M}  {row.sha256[:16]}")

    def _one(self, options: dict[str, Any]) -> None:
        platform = Platform.objects.filter(key=options["platform"]).first()
        if platform is None:
            raise CommandError(f"There is no platform {options['platform']}.")
        service = Service.objects.filter(platform=platform, key=options["service"]).first()
        if options["service"] and service is None:
            raise CommandError(f"{platform.name} has no service {options['service']}.")
        at = now()
        try:
            period = parse(options["period"], at, zone_of(platform.pk))
            if options["action"] == "show":
                body = json.loads(canonical(report_body(platform, service, period)))
                self.stdout.write(json.dumps(body, indent=2, ensure_ascii=False))
                return
            if options["action"] == "comment":
                self._comment(options, platform, service, period)
                return
            by = system_actor("manage.py report")
            row = report_publish(by=by, at=at, platform=platform, service=service, period=period)
        except (PeriodError, ReportError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Report {row.pk}: {row}, SHA-256 {row.sha256}")

    def _comment(self, options: dict[str, Any], platform: Platform, service: Service | None, period: Period) -> None:
        """The newest version that is there is what this one is based on."""
        by = acting_person(options["email"], request="manage.py report")
        try:
            authorize(by, "reports.commentary_write", platform)
        except (DeniedError, HiddenError) as error:
            raise CommandError(str(error) or "There is no such platform, or it is not for this person.") from error
        newest = newest_commentary(platform, service, period.key)
        row = commentary_write(
            by=by, at=period.at, platform=platform, service=service, period=period,
            expected=newest.number if newest else 0, text=options["text"],
        )  # fmt: skip
        self.stdout.write(f"Version {row.number} of the commentary, by {row.written_by_name}.")

    def _verify(self, number: int) -> None:
        row = PublishedReport.objects.select_related("platform", "service").filter(pk=number).first()
        if row is None:
            raise CommandError(f"There is no published report {number}.")
        found = verify(row)
        if not found.is_whole:
            raise CommandError(f"Report {number} is NOT what was published: {found.reason}.")
        self.stdout.write(f"Report {number} is what was published: SHA-256 {row.sha256}, as the audit trail says.")
        if found.is_reproduced:
            self.stdout.write("Computed again: every figure comes out the same.")
            return
        for path, published, today in found.differs[:SHOWN]:
            self.stdout.write(f"  {path}: published {published!r}, today {today!r}")
        raise CommandError(
            f"Computed again, {len(found.differs)} figures differ: points or exclusions came later, or the code "
            f"changed ({row.code_version}). The published report stays what it is.",
            returncode=2,
        )
