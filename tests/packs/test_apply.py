"""Plan, apply, drift, export: what the pack says, what was applied, what stands here."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from incidents.models import ClockPolicy
from maintenance.models import ChecklistTemplate, Job, Window
from monitoring.models import AlarmRule, Slo
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision
from opsportal.packs.exporting import pack_export
from opsportal.packs.kinds import ApplyError
from opsportal.packs.models import PackObject, PolicyEntry
from opsportal.packs.pack import pack_names, read_pack
from opsportal.packs.planning import Action, PackPlan, pack_plan
from opsportal.packs.services import PlanChangedError, load_pack, pack_apply
from opsportal.platforms.models import Environment, Platform, Severity

pytestmark = pytest.mark.django_db


def _plan(reference: str | Path) -> PackPlan:
    return pack_plan(load_pack(str(reference)))


def _actions(plan: PackPlan) -> dict[tuple[str, str], Action]:
    return {(change.kind, change.key): change.action for change in plan.visible}


def _write(platform: Platform, directory: Path) -> None:
    for file, text in pack_export(platform).items():
        (directory / file).parent.mkdir(exist_ok=True)
        (directory / file).write_text(text)


@pytest.mark.parametrize("name", pack_names())
def test_applied_and_exported_a_pack_says_the_same(name: str, portal: Actor, at: datetime, tmp_path: Path) -> None:
    applied = pack_apply(name, by=portal, at=at)
    assert applied.counts["create"] == len(read_pack(name).items)
    assert _plan(name).visible == ()
    _write(applied.platform, tmp_path)
    assert _actions(_plan(tmp_path)) == {}
    exported = [(item.kind, item.key) for item in read_pack(str(tmp_path)).items]
    assert exported == [(item.kind, item.key) for item in read_pack(name).items]


def test_rows_carry_what_the_pack_declares(portal: Actor, at: datetime) -> None:
    platform = pack_apply("shop-management", by=portal, at=at).platform
    rule = AlarmRule.objects.get(platform=platform, key="db-connections-fast")
    assert (rule.threshold, rule.period, rule.datapoints, rule.window, rule.poll_every) == (80, 60, 1, 1, 60)
    assert (rule.source, rule.opens_incident) == ("portal_default", True)
    clock = ClockPolicy.objects.get(platform=platform, severity__label="SEV1", kind="update")
    assert (clock.minutes, clock.source) == (30, "portal_default")
    window = Window.objects.get(platform=platform, key="maintenance")
    assert (window.rule, window.zone, window.duration_minutes) == ("0 4 * * SUN", "UTC", 60)
    assert Job.objects.get(platform=platform).window == window
    assert Slo.objects.get(platform=platform, key="api-availability").versions.get().objective == Decimal("99.9")
    assert Decision.objects.filter(platform=platform).count() == 7
    assert PolicyEntry.objects.get(platform=platform, key="region-failure").figures == {
        "rto_minutes": 240,
        "rpo_minutes": 15,
    }


def test_a_local_list_is_read_in_the_zone_of_its_environment(portal: Actor, at: datetime) -> None:
    platform = pack_apply("solemate", by=portal, at=at).platform
    morning = ChecklistTemplate.objects.get(platform=platform, key="morning")
    assert (morning.rule, morning.zone) == ("0 9 * * *", "America/New_York")
    assert [item.text for item in morning.items.order_by("position")][2] == "Verify backup completion status"


def test_applying_twice_writes_nothing(portal: Actor, at: datetime) -> None:
    first = pack_apply("shop-management", by=portal, at=at)
    versions = list(AlarmRule.objects.order_by("pk").values_list("pk", "version"))
    stamps = list(PackObject.objects.order_by("pk").values_list("pk", "applied_at"))
    second = pack_apply("shop-management", by=portal, at=at + timedelta(hours=1))
    assert second.written == 0
    assert first.platform == second.platform
    assert list(AlarmRule.objects.order_by("pk").values_list("pk", "version")) == versions
    assert list(PackObject.objects.order_by("pk").values_list("pk", "applied_at")) == stamps


def test_a_changed_pack_updates_only_what_changed(pack_copy: Path, portal: Actor, at: datetime) -> None:
    pack_apply(str(pack_copy), by=portal, at=at)
    path = pack_copy / "slos.yaml"
    path.write_text(path.read_text().replace("objective: 99.9", "objective: 99.5"))
    plan = _plan(pack_copy)
    assert _actions(plan) == {("slo", "api-availability"): Action.UPDATE}
    (change,) = plan.visible
    assert [(field.field, field.here, field.pack) for field in change.fields] == [("objective", 99.9, 99.5)]
    pack_apply(str(pack_copy), by=portal, at=at + timedelta(days=1))
    versions = Slo.objects.get(key="api-availability").versions.order_by("number")
    assert [float(version.objective) for version in versions] == [99.9, 99.5]


def test_an_edit_made_here_is_drift_and_stays_until_asked(portal: Actor, at: datetime) -> None:
    pack_apply("shop-management", by=portal, at=at)
    rule = AlarmRule.objects.get(key="db-connections-fast")
    rule.update_versioned(expected=rule.version, threshold=90.0)
    assert _actions(_plan("shop-management")) == {("threshold", "db-connections-fast"): Action.DRIFT}
    kept = pack_apply("shop-management", by=portal, at=at).kept
    assert [change.key for change in kept] == ["db-connections-fast"]
    rule.refresh_from_db()
    assert rule.threshold == 90
    pack_apply("shop-management", by=portal, at=at, overwrite_drift=True)
    rule.refresh_from_db()
    assert rule.threshold == 80


def test_an_edit_on_both_sides_is_a_conflict(pack_copy: Path, portal: Actor, at: datetime) -> None:
    pack_apply(str(pack_copy), by=portal, at=at)
    Environment.objects.filter(key="staging").update(zone="Europe/Berlin")
    path = pack_copy / "platform.yaml"
    path.write_text(
        path.read_text().replace("name: Staging\n    zone: America/New_York", "name: Staging\n    zone: UTC")
    )
    assert _actions(_plan(pack_copy)) == {("environment", "staging"): Action.CONFLICT}
    pack_apply(str(pack_copy), by=portal, at=at)
    assert Environment.objects.get(key="staging").zone == "Europe/Berlin"


def test_what_the_pack_has_no_more_is_released_and_stays(pack_copy: Path, portal: Actor, at: datetime) -> None:
    pack_apply(str(pack_copy), by=portal, at=at)
    (pack_copy / "jobs.yaml").write_text("jobs: []\n")
    assert _actions(_plan(pack_copy))["job", "database-analyze"] is Action.RELEASED
    pack_apply(str(pack_copy), by=portal, at=at)
    assert Job.objects.filter(key="database-analyze").exists()
    assert ("job", "database-analyze") not in _actions(_plan(pack_copy))


def test_a_changed_level_is_written(pack_copy: Path, portal: Actor, at: datetime) -> None:
    pack_apply(str(pack_copy), by=portal, at=at)
    path = pack_copy / "severities.yaml"
    text = path.read_text()
    path.write_text(text.replace("pages: false, paging: none", "pages: true, paging: queue"))
    pack_apply(str(pack_copy), by=portal, at=at)
    levels = Severity.objects.filter(label="SEV4")
    assert {(level.pages, level.paging) for level in levels} == {(True, "Assign to the queue")}


def test_what_was_kept_here_and_lacks_a_level_stops_the_apply(platform: Platform, portal: Actor, at: datetime) -> None:
    Platform.objects.filter(pk=platform.pk).update(key="genai-demo")
    with pytest.raises(ApplyError, match="Let the pack win over it"):
        pack_apply("genai-demo", by=portal, at=at)
    assert not PackObject.objects.exists()


def test_a_level_in_use_is_not_dropped(pack_copy: Path, portal: Actor, at: datetime) -> None:
    pack_apply(str(pack_copy), by=portal, at=at)
    for file in ("severities.yaml", "clocks.yaml"):
        path = pack_copy / file
        path.write_text(path.read_text().replace("SEV4", "SEV5"))
    with pytest.raises(ApplyError, match="level SEV4 is not in the pack any more"):
        pack_apply(str(pack_copy), by=portal, at=at)


def test_a_plan_that_changed_since_it_was_shown_is_refused(portal: Actor, at: datetime) -> None:
    token = _plan("bookstore").token
    pack_apply("bookstore", by=portal, at=at, confirmed=token)
    with pytest.raises(PlanChangedError):
        pack_apply("bookstore", by=portal, at=at, confirmed=token)


def test_an_export_carries_what_was_edited_here(portal: Actor, at: datetime, tmp_path: Path) -> None:
    platform = pack_apply("shop-management", by=portal, at=at).platform
    rule = AlarmRule.objects.get(key="db-connections")
    rule.update_versioned(expected=rule.version, threshold=120.0, source="edited", source_text="")
    Environment.objects.filter(platform=platform, key="staging").update(zone="Asia/Taipei")
    _write(platform, tmp_path)
    exported = load_pack(str(tmp_path))
    threshold = next(item.data for item in exported.of("threshold") if item.key == "db-connections")
    assert (threshold["value"], threshold["edited"], threshold["metric"]) == (120, True, "db-connections")
    assert next(item.data for item in exported.of("environment") if item.key == "staging")["zone"] == "Asia/Taipei"


def test_the_command_names_problems_and_writes_nothing(pack_copy: Path) -> None:
    path = pack_copy / "slos.yaml"
    path.write_text(path.read_text().replace("objective: 99.9", "objective: 100"))
    with pytest.raises(CommandError, match=r"slos\.yaml:\d+: slos\[0\]\.objective"):
        call_command("pack", "apply", str(pack_copy))
    assert not Platform.objects.exists()


def test_the_command_walks_every_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("pack", "validate")
    call_command("pack", "plan", "genai-demo")
    call_command("pack", "apply", "genai-demo")
    call_command("pack", "diff", "genai-demo")
    call_command("pack", "export", "genai-demo", str(tmp_path / "out"))
    printed = capsys.readouterr().out
    assert "solemate 1.0.0:" in printed
    assert "create    slo api-latency" in printed
    assert "files written" in printed
    assert (tmp_path / "out" / "decisions" / "018-container-orchestration-eks.md").is_file()
