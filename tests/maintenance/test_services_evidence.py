"""Evidence beside the items of an open list."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from maintenance.models import ChecklistItem, ChecklistRun, TickEvent, TickKind
from maintenance.services.checklists import item_tick
from maintenance.services.evidence import checklist_evidence_collect
from monitoring.evidence import registry
from monitoring.evidence.registry import Check, CheckContext, Finding
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.maintenance import PORTAL, checklist_run

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The verdicts that the checks `tests.one` and `tests.two` give, in turn."""
    verdicts: list[str] = []

    def ask(context: CheckContext) -> Finding:
        return Finding(verdict=verdicts.pop(0), summary="asked", fetched_at=context.at)

    checks = {name: Check(name=name, title=name, params={}, run=ask, text=name) for name in ("tests.one", "tests.two")}
    monkeypatch.setattr(registry, "_registry", checks)
    return verdicts


@pytest.fixture
def run(platform: Platform, at: datetime) -> ChecklistRun:
    """A list whose first item has two checks."""
    run = checklist_run(platform, at=at)
    checks = [{"check": "tests.one"}, {"check": "tests.two"}]
    ChecklistItem.objects.filter(run=run, position=1).update(checks=checks)
    return run


@pytest.mark.parametrize(
    "verdicts,shown",
    [(["ok", "fail"], "fail"), (["unknown", "ok"], "unknown"), (["warn", "ok"], "warn"), (["ok", "ok"], "ok")],
)
def test_an_item_shows_the_worst_of_its_checks(
    run: ChecklistRun, at: datetime, answers: list[str], verdicts: list[str], shown: str
) -> None:
    answers += verdicts
    assert checklist_evidence_collect(by=PORTAL, at=at, run=run) == 2
    evidence = run.items.get(position=1).evidence
    assert evidence is not None
    assert evidence.verdict == shown


@pytest.mark.parametrize("verdicts,minutes", [(["ok", "ok"], 15), (["ok", "unknown"], 2), (["fail", "ok"], 5)])
def test_an_open_list_is_asked_again_and_sooner_when_blind_or_red(
    run: ChecklistRun, at: datetime, answers: list[str], verdicts: list[str], minutes: int
) -> None:
    answers += verdicts
    checklist_evidence_collect(by=PORTAL, at=at, run=run)
    assert run.evidence_due_at == at + timedelta(minutes=minutes)


def test_nothing_is_asked_after_its_time(run: ChecklistRun, answers: list[str]) -> None:
    answers += ["ok", "ok"]
    checklist_evidence_collect(by=PORTAL, at=run.due_at - timedelta(minutes=1), run=run)
    assert run.evidence_due_at is None


def test_the_same_answer_twice_is_one_event(run: ChecklistRun, at: datetime, answers: list[str]) -> None:
    answers += ["ok"] * 4
    checklist_evidence_collect(by=PORTAL, at=at, run=run)
    checklist_evidence_collect(by=PORTAL, at=at + timedelta(minutes=15), run=run)
    assert TickEvent.objects.filter(kind=TickKind.EVIDENCE).count() == 1


def test_evidence_never_makes_a_tick_fail(
    run: ChecklistRun, at: datetime, answers: list[str], operator: User, actor_for: ActorFor
) -> None:
    read = run.items.get(position=1)
    answers += ["ok", "ok"]
    checklist_evidence_collect(by=PORTAL, at=at, run=run)
    item_tick(by=actor_for(operator), at=at, item=read, expected=read.version)
    assert read.state == "done"


@pytest.mark.parametrize("verdict, is_offered", [("fail", True), ("unknown", True), ("ok", False)])
def test_a_red_answer_says_its_age_and_offers_to_ask_again(
    run: ChecklistRun, answers: list[str], client_for: Callable[..., Client], operator: User, viewer: User,
    *, verdict: str, is_offered: bool,
) -> None:  # fmt: skip
    answers += [verdict, verdict]
    checklist_evidence_collect(by=PORTAL, at=clock.now() - timedelta(minutes=40), run=run)
    path = f"/checklists/{run.pk}/?item={run.items.get(position=1).pk}"
    page = client_for(operator).get(path).content.decode()
    assert ("Ask again<span" in page) == is_offered
    assert ("This was said 40\xa0min ago" in page) == is_offered
    assert ("; nothing asks again by itself" in page) == is_offered
    assert "Ask again<span" not in client_for(viewer).get(path).content.decode()
