"""`python -m tests.architecture [GATE ...]`: run gates on the checkout in the present folder; exit 1 on a fault.

It needs no database: only settings are read, with harmless values where none are given.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

for _name, _value in {
    "DJANGO_SETTINGS_MODULE": "opsportal.settings",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "SECRET_KEY": "a-key-for-reading-the-settings-and-for-nothing-else-at-all",
    "OPSPORTAL_LOCAL": "1",
}.items():
    os.environ.setdefault(_name, _value)
os.environ["OPSPORTAL_DEMO"] = "1"  # the demo's routes are gated like all others

import django  # noqa: E402 - the settings above come first

django.setup()

from tests.architecture import django_gates, source_gates, template_gates  # noqa: E402 - they read models

GATES: dict[str, Callable[[Path], list[str]]] = {
    "file-length": source_gates.file_length,
    "function-length": source_gates.function_length,
    "foreign-keys": django_gates.foreign_keys,
    "route-actions": django_gates.route_actions,
    "action-rows": django_gates.action_rows,
    "view-names": django_gates.view_names,
    "celery-tasks": django_gates.celery_tasks,
    "loops-registered": django_gates.loops_registered,
    "missing-migrations": django_gates.missing_migrations,
    "indexes-block-nobody": django_gates.indexes_block_nobody,
    "templates": template_gates.templates,
}


def main(names: list[str]) -> int:
    """Print each fault behind its gate's name; say which gates passed."""
    root, failed = Path.cwd(), False
    for name in names or list(GATES):
        faults = GATES[name](root)
        failed = failed or bool(faults)
        for fault in faults:
            sys.stdout.write(f"{name}: {fault}\n")
        if not faults:
            sys.stdout.write(f"{name}: passed\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
