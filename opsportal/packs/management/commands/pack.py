"""`manage.py pack validate|plan|diff|apply|export`: a platform's policy as reviewed files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from opsportal.core import clock
from opsportal.core.actor import system_actor
from opsportal.packs.documents import PackError
from opsportal.packs.exporting import pack_export
from opsportal.packs.kinds import ApplyError
from opsportal.packs.planning import Change, PackPlan, pack_plan
from opsportal.packs.services import load_pack, pack_apply, pack_names
from opsportal.platforms.models import Platform


class Command(BaseCommand):
    help = "Validate, compare, apply or export a pack: a directory that declares one platform's policy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
        validate = steps.add_parser("validate", help="check files; names file, line and field of every problem")
        validate.add_argument("packs", nargs="*", metavar="NAME|DIR", help="default: every pack of the portal")
        for step, text in (("plan", "show what apply would do"), ("diff", "show every field that differs")):
            steps.add_parser(step, help=text).add_argument("pack", metavar="NAME|DIR")
        apply = steps.add_parser("apply", help="write what differs; edits made here are kept and listed")
        apply.add_argument("pack", metavar="NAME|DIR")
        apply.add_argument("--overwrite-drift", action="store_true", help="let the pack win over edits made here")
        export = steps.add_parser("export", help="write a platform's present state as a pack")
        export.add_argument("platform", metavar="PLATFORM")
        export.add_argument("directory", type=Path, metavar="DIR", help="is made; must be empty")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            getattr(self, f"_{options['step']}")(options)
        except PackError as error:
            raise CommandError("\n" + "\n".join(f"  {problem}" for problem in error.problems)) from error
        except ApplyError as error:
            raise CommandError(str(error)) from error

    def _validate(self, options: dict[str, Any]) -> None:
        for reference in options["packs"] or pack_names():
            pack = load_pack(reference)
            self.stdout.write(f"{pack.name} {pack.version}: {len(pack.items)} objects, valid.")

    def _plan(self, options: dict[str, Any]) -> None:
        plan = pack_plan(load_pack(options["pack"]))
        for change in plan.visible:
            self.stdout.write(_line(change))
        self.stdout.write(_summary(plan))

    def _diff(self, options: dict[str, Any]) -> None:
        plan = pack_plan(load_pack(options["pack"]))
        for change in plan.visible:
            self.stdout.write(_line(change))
            for field in change.fields:
                self.stdout.write(f"    - {field.field}: {_text(field.here)}")
                self.stdout.write(f"    + {field.field}: {_text(field.pack)}")
        self.stdout.write(_summary(plan))

    def _apply(self, options: dict[str, Any]) -> None:
        applied = pack_apply(
            options["pack"],
            by=system_actor("manage.py pack apply"),
            at=clock.now(),
            overwrite_drift=options["overwrite_drift"],
        )
        for change in applied.kept:
            self.stdout.write(f"{_line(change)}  (kept; --overwrite-drift lets the pack win)")
        done = ", ".join(f"{count} {action}" for action, count in applied.counts.items() if count)
        self.stdout.write(f"{applied.platform.key}: {done}.")

    def _export(self, options: dict[str, Any]) -> None:
        platform = Platform.objects.filter(key=options["platform"]).first()
        if platform is None:
            raise CommandError(f"There is no platform {options['platform']}.")
        directory: Path = options["directory"]
        if directory.exists() and any(directory.iterdir()):
            raise CommandError(f"{directory} is not empty; nothing was written.")
        files = pack_export(platform)
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.stdout.write(f"{platform.key}: {len(files)} files written to {directory}.")


def _line(change: Change) -> str:
    fields = ", ".join(field.field for field in change.fields)
    return (
        f"{change.action.value:<9} {change.kind} {change.key}"
        + (f"  {fields}" if fields else "")
        + (f"  [{change.place}]" if change.place else "")
    )


def _summary(plan: PackPlan) -> str:
    counts = ", ".join(f"{count} {action}" for action, count in plan.counts.items() if count)
    return f"{plan.pack.name} {plan.pack.version} on {plan.pack.platform_key}: {counts}."


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
