"""The fault trials in small; their full sizes are `python -m tests.faults crash`, `… outage` and `… plans`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opsportal.local.environment import CHECKOUT
from tests.faults.crash import Report as CrashReport
from tests.faults.lying import Report as LyingReport
from tests.faults.lying import Row
from tests.faults.outage import Report as OutageReport
from tests.faults.plans import AFTER, BEFORE, WANTED, Outcome
from tests.faults.plans import Report as PlansReport

pytestmark = pytest.mark.worker


def _trial(*arguments: str) -> None:
    argv = [sys.executable, "-m", "tests.faults", *arguments]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kills_lose_and_double_nothing(migrated_dump: Path) -> None:
    _trial("crash", "--alerts", "10", "--runs", "1", "--kills", "4", "--seed", "7", "--schema", str(migrated_dump))


def test_pages_bear_a_broken_broker_and_say_that_the_database_is_away(migrated_dump: Path) -> None:
    reduced = ("--links", "redis,postgres", "--modes", "refuse,hole", "--seconds", "2")
    _trial("outage", *reduced, "--schema", str(migrated_dump))


def test_reports_notice_what_is_wrong() -> None:
    """The mutants: one lost, one doubled, one slow page, one link that never heals."""
    clean = {"wanted": 1, "kills": 0, "at_fail_points": 0, "repeats_by_key": 3, "unsent": 0, "double_runs": 0}
    assert CrashReport(lost=[], doubled=[], **clean).is_clean
    assert not CrashReport(lost=["alert-1"], doubled=[], **clean).is_clean
    assert not CrashReport(lost=[], doubled=["alert-1"], **clean).is_clean
    assert OutageReport(healed={"redis hole": 3.0}).is_clean
    assert not OutageReport(slow=["redis hole: GET / 2.4 s"]).is_clean
    assert not OutageReport(failed=["redis hole: GET / 500"]).is_clean
    assert not OutageReport(healed={"redis hole": None}).is_clean


def test_the_report_of_plans_notices_what_was_done_twice_guessed_or_never_cut_off() -> None:
    right = [Outcome(point, kind, "", state, made, 2, said) for (point, kind), (state, made, said) in WANTED.items()]
    assert PlansReport(right).is_clean
    assert not PlansReport(right[1:]).is_clean
    by_key = {(one.point, one.kind): one for one in right}
    for wrong in (
        by_key[AFTER, "reboot-instance"]._replace(made=2),
        by_key[BEFORE, "restart-tasks"]._replace(state="done"),
        by_key[AFTER, "take-snapshot"]._replace(said="It was so already; nothing was sent."),
        by_key[BEFORE, "scale-service"]._replace(tries=1),
    ):
        assert not PlansReport([one for one in right if one[:2] != wrong[:2]] + [wrong]).is_clean


def test_the_report_of_a_lying_aws_notices_what_is_wrong() -> None:
    """The mutants: late, twice, green, an alarm opened, never healed, a hole, an untrue objective."""
    good: dict[str, Any] = {
        "trouble": "hole",
        "shown": "3 stale",
        "blind_after": 2.9,
        "blind_alarms": 1,
        "opened": 0,
        "healed": 9.0,
    }
    assert LyingReport(rows=[Row(**good, holes=0)], slos=2).is_clean
    assert not LyingReport(rows=[], slos=0).is_clean
    assert not LyingReport(rows=[], slos=2, untrue=["objective 1"]).is_clean
    assert not LyingReport(rows=[Row(**good, holes=1)], slos=2).is_clean
    wrong: list[dict[str, Any]] = [
        {"blind_after": None}, {"blind_after": 9.0}, {"blind_alarms": 2}, {"shown": "3 green"}, {"opened": 1},
        {"healed": None}, {"healed": 600.0},
    ]  # fmt: skip
    for one in wrong:
        assert not LyingReport(rows=[Row(**{**good, **one}, holes=0)], slos=2).is_clean, one
    slow = {**good, "trouble": "slow", "blind_after": None, "blind_alarms": 0, "shown": "3 green"}
    assert LyingReport(rows=[Row(**slow, holes=0)], slos=2).is_clean
    assert not LyingReport(rows=[Row(**{**slow, "blind_alarms": 1}, holes=0)], slos=2).is_clean
