"""Gates on the project as Django sees it; they need its settings, never a database."""

import io
import re
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management import call_command
from django.db.migrations import AddIndex, CreateModel
from django.db.migrations.loader import MigrationLoader
from django.urls import URLPattern, URLResolver, get_resolver

from tests.architecture.source_gates import PACKAGES, declared_loops

MOST_TASK_SECONDS: Final = 240
# They ran before the first release, over tables without rows.
INDEXED_BEFORE: Final = frozenset(
    {
        ("audit", "0003_latest_index"),
        ("audit", "0004_verb_index"),
        ("incidents", "0003_restricted_index"),
        ("incidents", "0006_clock_rules"),
        ("incidents", "0008_problems"),
        ("notifications", "0002_webhooks"),
    }
)
TASK_NAME: Final = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)+")


# --- directions ------------------------------------------------------------------------------------------------
def layers(root: Path) -> list[tuple[str, ...]]:
    """The layers of import-linter's contract, highest first."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract["type"] == "layers")
    return [tuple(name.strip() for name in line.split("|")) for line in contract["layers"]]


def _place(module: str, rows: list[tuple[str, ...]]) -> tuple[int, str] | None:
    """How deep a module's room lies and its name; None for a library."""
    for depth, names in enumerate(rows):
        for name in names:
            if module == name or module.startswith(f"{name}."):
                return depth, name
    return None


def foreign_keys(root: Path) -> list[str]:
    """A foreign key points to the same room or a lower one; a string in it escapes import-linter."""
    rows, faults = layers(root), []
    for model in apps.get_models():
        here = _place(model.__module__, rows)
        if here is None:
            continue
        for field in model._meta.get_fields():
            target = field.related_model if field.is_relation and not field.auto_created else None
            there = _place(target.__module__, rows) if isinstance(target, type) else None
            if target is not None and there is not None and there[1] != here[1] and there[0] <= here[0]:
                faults.append(f"{model._meta.label}.{field.name} points up or sideways to {target.__name__}")
    return faults


# --- routes ----------------------------------------------------------------------------------------------------
def walk(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str, Any]]:
    """Name, pattern and view of every route."""
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, pattern, f"{namespace}{entry.namespace}:" if entry.namespace else namespace)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}", pattern, entry.callback


def _actions(name: str, view: Any) -> list[str]:
    cls = getattr(view, "cls", None)
    if cls is not None:
        actions = dict(getattr(cls, "actions", {}) or {})
        handled = [method.upper() for method in cls.http_method_names if hasattr(cls, method) and method != "options"]
        return [] if any(method not in actions for method in handled if method != "HEAD") else list(actions.values())
    if hasattr(view, "action"):
        return [view.action]
    action = settings.ROUTE_ACTIONS.get("admin:" if name.startswith("admin:") else name)
    return [action] if action else []


def route_actions(_root: Path) -> list[str]:
    """Every route says which action it performs, in code or, for a library's, in opsportal/routes.py."""
    return [
        f"/{pattern} ({name}) declares no action for each of its methods"
        for name, pattern, view in walk(get_resolver())
        if not _actions(name, view)
    ]


def action_rows(_root: Path) -> list[str]:
    """Every action that a route declares has a row in docs/rbac.csv."""
    from opsportal.core.gate import rules

    return [
        f"{action} of /{pattern} has no row in docs/rbac.csv"
        for name, pattern, view in walk(get_resolver())
        for action in _actions(name, view)
        if action not in rules()
    ]


def view_names(_root: Path) -> list[str]:
    """A view that only takes a POST ends in `_action`; one that shows a page does not."""
    faults = []
    for name, pattern, view in walk(get_resolver()):
        called, methods = getattr(view, "__name__", ""), getattr(view, "methods", ())
        if not methods or called.endswith("_action") == ("GET" not in methods):
            continue
        said = (
            "shows a page and ends in _action" if "GET" in methods else "takes only a POST and does not end in _action"
        )
        faults.append(f"{called} of /{pattern} ({name}) {said}")
    return faults


# --- background work -------------------------------------------------------------------------------------------
def celery_tasks(_root: Path) -> list[str]:
    """Every Celery task has an explicit name, one of our queues and a time limit."""
    from opsportal.celery import app
    from opsportal.schedule.tasks import QUEUES

    app.loader.import_default_modules()
    faults = []
    for name, task in sorted(app.tasks.items()):
        if name.startswith("celery."):
            continue
        if not TASK_NAME.fullmatch(name):
            faults.append(f"{name} is not named app.verb_noun")
        if getattr(task, "queue", None) not in QUEUES:
            faults.append(f"{name} names no queue of {', '.join(QUEUES)}")
        if not task.time_limit or not 0 < task.time_limit <= MOST_TASK_SECONDS:
            faults.append(f"{name} names no time limit of at most {MOST_TASK_SECONDS} s")
    return faults


def loops_registered(root: Path) -> list[str]:
    """Every loop is known to the dispatcher once the apps are ready."""
    from opsportal.schedule.loops import loops

    known = loops()
    return [f"{name} ({where}) is never imported" for name, where in declared_loops(root).items() if name not in known]


# --- schema ----------------------------------------------------------------------------------------------------
def missing_migrations(_root: Path) -> list[str]:
    """The models say nothing that the migrations do not."""
    said = io.StringIO()
    labels = [config.label for config in apps.get_app_configs() if config.name.startswith(PACKAGES)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no database is asked for its history here
        try:
            call_command("makemigrations", *labels, check=True, dry_run=True, stdout=said, stderr=said)
        except SystemExit:
            return said.getvalue().strip().splitlines()
    return []


def indexes_block_nobody(_root: Path) -> list[str]:
    """An index on a table that exists is built beside its writers: a plain one holds them up while it is built."""
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith(PACKAGES)}
    faults = []
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app not in ours or (app, name) in INDEXED_BEFORE:
            continue
        made = {operation.name.lower() for operation in migration.operations if isinstance(operation, CreateModel)}
        faults += [
            f"{app}.{name} adds {operation.index.name} to {operation.model_name}: AddIndexConcurrently, atomic = False"
            for operation in migration.operations
            if isinstance(operation, AddIndex)
            and not isinstance(operation, AddIndexConcurrently)
            and operation.model_name.lower() not in made
        ]
    return faults
