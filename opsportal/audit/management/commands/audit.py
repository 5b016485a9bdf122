"""`manage.py audit verify`: prove the trail; exit code 1 when it was changed."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.audit.anchor import AnchorError, read_checkpoints, witnessed
from opsportal.audit.checkpoints import write_due_checkpoints
from opsportal.audit.models import PORTAL_CHAIN
from opsportal.audit.verification import ChainReport, verify_all


class Command(BaseCommand):
    help = "Verify the audit trail against itself and against its anchor, or write the checkpoints now."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="name the first bad row of every chain")
        verify.add_argument("--anchor", type=Path, help="the anchor file, or a syslog that holds the checkpoints")
        actions.add_parser("checkpoint", help="write what is new to AUDIT_ANCHOR now")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["action"] == "checkpoint":
                self.stdout.write(f"{write_due_checkpoints(is_forced=True)} rows witnessed.")
            else:
                self._verify(options["anchor"])
        except AnchorError as error:
            raise CommandError(str(error)) from error

    def _verify(self, given: Path | None) -> None:
        kind, _, rest = settings.AUDIT_ANCHOR.partition(":")
        path = given or (Path(rest) if kind == "file" and Path(rest).exists() else None)
        reports = verify_all(witnessed(read_checkpoints(path)) if path else {})
        for report in reports:
            self.stdout.write(self._line(report))
        if path is None:
            self.stdout.write("No anchor was read: only the chain itself was checked; a cut tail would not show.")
        bad = [report for report in reports if not report.is_whole]
        if bad:
            raise CommandError(f"{len(bad)} of {len(reports)} audit chains were changed.")
        self.stdout.write(f"{len(reports)} chains, {sum(report.rows for report in reports)} rows: whole.")

    @staticmethod
    def _line(report: ChainReport) -> str:
        name = "portal" if report.chain == PORTAL_CHAIN else f"platform {report.chain}"
        young = f"{report.younger} rows are younger than the last checkpoint"
        if report.first_bad is None:
            return f"{name}: {report.rows} rows, whole; {young}."
        return f"{name}: {report.rows} rows, FIRST BAD ROW {report.first_bad}: {report.reason}; {young}."
