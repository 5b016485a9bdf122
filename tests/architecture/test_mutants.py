"""A gate that cannot fail is no gate: each refuses a bad file by its own command and names the rule."""

from pathlib import Path

import pytest

from tests.architecture.conftest import CHECKOUT, TOOLS, Answer, Copy, run, run_gates

LONG_FUNCTION = "def long() -> int:\n" + "".join(f"    n{i} = {i}\n" for i in range(60)) + "    return n0\n"
UPWARD = """

class Upward(models.Model):
    incident = models.ForeignKey("incidents.Incident", on_delete=models.CASCADE)
"""
SIDEWAYS = """

class Sideways(models.Model):
    run = models.ForeignKey("schedule.Run", on_delete=models.CASCADE)
"""
BARE_VIEW = 'urlpatterns += [path("bare/", lambda request: None, name="bare")]\n'
NO_ROW = """
from opsportal.core.actions import require_action as _gate
urlpatterns += [path("no-row/", _gate("core.thing_burn")(lambda request: None), name="no-row")]
"""
WRITE_UNNAMED = """
from opsportal.core.actions import require_action as _act


def thing_burn(request): ...


def thing_show_action(request): ...


urlpatterns += [
    path("burn/", _act("core.help_view", methods=("POST",))(thing_burn), name="burn"),
    path("show/", _act("core.help_view")(thing_show_action), name="show"),
]
"""
API_WITHOUT_ACTION = """
from opsportal.core.api import ApiView as _View


class _Open(_View):
    actions = {"GET": "core.api_docs"}

    def get(self, request): ...

    def post(self, request): ...


urlpatterns += [path("open/", _Open.as_view(), name="open")]
"""
LIBRARY_ROUTE = 'ROUTE_ACTIONS.pop("account_login")\n'
BARE_TASK = """
from celery import shared_task as _shared_task


@_shared_task(name="monitoring.tidy_up")
def tidy_up() -> None: ...
"""
LOST_LOOP = """
from opsportal.schedule.loops import loop


@loop(name="incidents.lost", every=5.0)
def lost(now: object) -> int:
    return 0
"""
NEW_FIELD = """

class Forgotten(models.Model):
    name = models.TextField()
"""

PLAIN_INDEX = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_verb_index")]
    operations = [migrations.AddIndex("auditentry", models.Index(fields=["obj_id"], name="audit_plain"))]
"""

MUTANTS = {
    "file-length": ("incidents/long.py", "n = 1\n" * 501, "incidents/long.py: 501 lines"),
    "function-length": ("incidents/wide.py", LONG_FUNCTION, "incidents/wide.py:1 long: 62 lines"),
    "foreign-keys": (
        "opsportal/knowledge/models/decisions.py",
        UPWARD,
        "knowledge.Upward.incident points up or sideways",
    ),
    "foreign-keys sideways": ("opsportal/audit/models.py", SIDEWAYS, "audit.Sideways.run points up or sideways"),
    "route-actions": ("opsportal/core/urls.py", BARE_VIEW, "/bare/ (core:bare) declares no action"),
    "route-actions api": ("opsportal/core/urls.py", API_WITHOUT_ACTION, "/open/ (core:open) declares no action"),
    "route-actions library": ("opsportal/routes.py", LIBRARY_ROUTE, "(account_login) declares no action"),
    "action-rows": ("opsportal/core/urls.py", NO_ROW, "core.thing_burn of /no-row/ has no row"),
    "view-names": ("opsportal/core/urls.py", WRITE_UNNAMED, "thing_burn of /burn/ (core:burn) takes only a POST"),
    "view-names page": ("opsportal/core/urls.py", "", "thing_show_action of /show/ (core:show) shows a page"),
    "celery-tasks": ("monitoring/tasks.py", BARE_TASK, "monitoring.tidy_up names no queue"),
    "loops-registered": ("incidents/lost.py", LOST_LOOP, "incidents.lost (incidents/lost.py:6) is never imported"),
    "missing-migrations": ("opsportal/knowledge/models/decisions.py", NEW_FIELD, "+ Create model Forgotten"),
    "indexes-block-nobody": (
        "opsportal/audit/migrations/0005_plain.py",
        PLAIN_INDEX,
        "audit.0005_plain adds audit_plain to auditentry",
    ),
    "templates": ("templates/core/bad_route.html", "{{ url('core:nowhere') }}", "there is no route core:nowhere"),
    "templates parts": ("templates/core/bad_parts.html", "{{ url('incidents:detail') }}", "takes other address parts"),
    "templates component": (
        "templates/core/bad_component.html",
        "{{ ui.sparkle() }}",
        "there is no component ui.sparkle",
    ),
    "templates syntax": ("templates/core/bad_syntax.html", "{% if %}", "core/bad_syntax.html: "),
}


@pytest.fixture(scope="module")
def answer(copy: Copy) -> Answer:
    """All bad files at once: loading the project is what takes the time, and each gate names its own."""
    changes: dict[str, str] = {}
    for file, text, _fault in MUTANTS.values():
        changes[file] = changes.get(file, "") + text
    with copy.changed(changes) as root:
        return run_gates(root)


@pytest.mark.parametrize("mutant", list(MUTANTS))
def test_gate_refuses(mutant: str, answer: Answer) -> None:
    gate, fault = mutant.partition(" ")[0], MUTANTS[mutant][2]
    assert answer.status == 1, answer.text
    assert [line for line in answer.text.splitlines() if line.startswith(f"{gate}: ") and fault in line], answer.text


def test_one_gate_alone_refuses_by_its_exit_status(copy: Copy) -> None:
    file, text, fault = MUTANTS["loops-registered"]
    with copy.changed({file: text}) as root:
        answer = run_gates(root, "loops-registered")
    assert answer.status == 1
    assert fault in answer.text


@pytest.mark.parametrize(
    "text,rule",
    [
        ("import os\n", "F401"),
        ("def f(x):\n    return x\n", "ANN001"),
        ("from datetime import datetime\n\nWHEN = datetime.now()\n", "DTZ005"),
    ],
)
def test_ruff_refuses(text: str, rule: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(text)
    answer = run([str(TOOLS / "ruff"), "check", "--no-cache", "--config", "pyproject.toml", str(bad)], CHECKOUT)
    assert answer.status == 1
    assert rule in answer.text


def test_formatter_refuses(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("x = {  'a':1 }\n")
    answer = run(
        [str(TOOLS / "ruff"), "format", "--no-cache", "--check", "--config", "pyproject.toml", str(bad)], CHECKOUT
    )
    assert answer.status == 1
    assert "bad.py" in answer.text


def test_mypy_refuses(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text('def f() -> int:\n    return "one"\n\n\ndef g(x):\n    return x\n')
    plain = tmp_path / "plain.toml"
    # The same strictness without the plugins, which load the whole project to check six lines.
    lines = (CHECKOUT / "pyproject.toml").read_text().splitlines(keepends=True)
    plain.write_text("".join(line for line in lines if not line.startswith(("plugins", "mypy_path"))))
    answer = run([str(TOOLS / "mypy"), "--config-file", str(plain), "--cache-dir", str(tmp_path), str(bad)], tmp_path)
    assert answer.status == 1, answer.text
    assert "[return-value]" in answer.text
    assert "[no-untyped-def]" in answer.text


def test_import_linter_refuses_each_contract(copy: Copy) -> None:
    changes = {
        "opsportal/knowledge/mutant.py": "import incidents.models\n",
        "opsportal/health/mutant.py": "import boto3\n",
        "monitoring/slo/mutant.py": "import django\n",
        "opsportal/plans/mutant.py": "import monitoring.views\nimport incidents.views\nimport maintenance.views\n",
        "maintenance/mutant.py": "import opsportal.platforms.views\n",
    }
    with copy.changed(changes) as root:
        answer = run([str(TOOLS / "lint-imports"), "--no-cache"], root)
    assert answer.status == 1
    rooms = ("monitoring", "incidents", "maintenance", "a room below")
    views = [f"Nobody imports the views of {room}" for room in rooms]
    for contract in ("Layers", "Only opsportal.aws", "Pure modules", *views):
        said = [line for line in answer.text.splitlines() if line.startswith(contract)]
        assert any("BROKEN" in line for line in said), answer.text


def test_djlint_refuses(copy: Copy) -> None:
    with copy.changed({"templates/core/bad.html": "<p class='quiet'>Text</p>\n"}) as root:
        answer = run([str(TOOLS / "djlint"), "templates/core/bad.html", "--lint"], root)
    assert answer.status == 1
    assert "H008" in answer.text
