"""The runbooks of the five guides: all there, without a finding, and corrected where a guide is wrong."""

from datetime import datetime
from pathlib import Path

import pytest

from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.runbooks.step_kinds import problems_of
from opsportal.knowledge.runbooks.text import parse
from opsportal.packs.documents import PackError
from opsportal.packs.exporting import pack_export
from opsportal.packs.pack import pack_names, read_pack
from opsportal.packs.planning import Action, pack_plan
from opsportal.packs.services import load_pack, pack_apply

WRITTEN = {
    "bookstore": set(),
    "shop-management": {"high-cpu", "database-connection-exhaustion", "api-response-time", "verify-backups"},
    "solemate": {"high-database-cpu", "ecs-tasks-fail-to-start", "load-balancer-502"},
    "phase-09": {"high-error-rate", "high-latency", "service-unavailable", "database-restore"},
    "genai-demo": set(),
}


@pytest.mark.parametrize("name", pack_names())
def test_every_runbook_of_the_guides_is_there_and_without_a_finding(name: str) -> None:
    items = load_pack(name).of("runbook")
    assert {item.key for item in items if item.data["body"]} == WRITTEN[name]
    for item in items:
        assert not item.data["body"] or problems_of(item.data["body"]) == ()


def test_what_genai_demo_only_names_is_not_written() -> None:
    items = read_pack("genai-demo").of("runbook")
    assert len([item for item in items if item.data["source"] == "GenAIDemo, Runbooks"]) == 7  # six, and the other nine
    assert all("note" in item.data and not item.data["body"] for item in items)


@pytest.mark.parametrize("name", sorted(name for name, keys in WRITTEN.items() if keys))
def test_each_says_what_it_corrects(name: str) -> None:
    for item in read_pack(name).of("runbook"):
        titles = [section.title for section in parse(item.data["body"]).sections]
        assert "Corrections to the guide" in titles, item.key


def test_the_restore_goes_beside_the_live_database() -> None:
    (item,) = [item for item in read_pack("phase-09").of("runbook") if item.key == "database-restore"]
    commands = [command.text for step in parse(item.data["body"]).steps for command in step.commands]
    restores = [line for text in commands for line in text.split("\n") if line.startswith("pg_restore -h")]
    assert restores
    assert all(" -c " not in line and "-d mydb_restore" in line for line in restores)


@pytest.mark.django_db
def test_applying_writes_versions_and_a_second_time_nothing(at: datetime, portal: Actor) -> None:
    pack_apply("shop-management", by=portal, at=at)
    runbook = Runbook.objects.select_related("current").get(slug="high-cpu")
    assert runbook.current is not None
    assert runbook.current.number == 1
    plan = pack_plan(load_pack("shop-management"))
    assert {change.action for change in plan.changes if change.kind == "runbook"} == {Action.UNCHANGED}
    texts = pack_export(runbook.platform)
    assert texts["runbooks/high-cpu.md"].startswith("---\ntitle: High CPU utilization\n")
    assert runbook.current.body.strip() in texts["runbooks/high-cpu.md"]


@pytest.mark.django_db
def test_what_was_edited_here_is_drift(at: datetime, portal: Actor) -> None:
    pack_apply("phase-09", by=portal, at=at)
    runbook = Runbook.objects.get(slug="high-latency")
    runbook.update_versioned(expected=runbook.version, owner="Night shift")
    changes = pack_plan(load_pack("phase-09")).visible
    assert [(change.key, change.action) for change in changes] == [("high-latency", Action.DRIFT)]


@pytest.mark.parametrize(
    "broken, says",
    [
        ("alarms: [no-such-alarm]", "is no threshold"),
        ("types: [storm]", "is no type of incident"),
        ("colour: red", "is not a field"),
    ],
)
def test_a_trigger_that_leads_nowhere_names_its_line(pack_copy: Path, broken: str, says: str) -> None:
    file = pack_copy / "runbooks" / "high-cpu.md"
    file.write_text(file.read_text().replace("types: [degradation]", broken))
    with pytest.raises(PackError, match=says) as refused:
        load_pack(str(pack_copy))
    assert refused.value.problems[0].file == "runbooks/high-cpu.md"


def test_a_wrong_command_names_its_line(pack_copy: Path) -> None:
    file = pack_copy / "runbooks" / "high-cpu.md"
    text = file.read_text().replace("aws ecs update-service \\", "aws ecs put-cluster-capacity-providers \\")
    file.write_text(text)
    line = text[: text.index("put-cluster")].count("\n")  # of the fence
    with pytest.raises(PackError) as refused:
        load_pack(str(pack_copy))
    assert [problem.line for problem in refused.value.problems] == [line]
