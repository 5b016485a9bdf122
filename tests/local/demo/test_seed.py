"""The demo's first start, with a short story: whole, the same again, and open to be worked on."""

import json
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from incidents.models import Incident, Review, TimelineEntry
from maintenance.models import ChecklistItem, ChecklistRun, ItemState, OperationsLogEntry, RunState, WindowOccurrence
from monitoring.models import AwsAccount, Deployment
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.gate import ROLES
from opsportal.local.aws.script import Past, past
from opsportal.local.demo.people import present_code
from opsportal.local.demo.seed import seed
from opsportal.local.environment import Home
from opsportal.notifications.models import OutboxMessage
from opsportal.plans.models import Plan, PlanState
from opsportal.platforms.models import Membership, Platform

# A Wednesday, in the working hours of every platform.
NOW = datetime(2026, 3, 11, 9, 20, tzinfo=UTC)
DAYS = 12
pytestmark = pytest.mark.django_db
Seed = Callable[[], int]


@pytest.fixture
def story() -> Past:
    return past(7, NOW.date() - timedelta(days=DAYS), DAYS)


@pytest.fixture
def seed_now(story: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seed:
    # The database `shop` is another test's matter.
    table = {"schemaname": "public", "relname": "orders", "n_live_tup": 9, "n_mod_since_analyze": 4}
    monkeypatch.setattr("maintenance.jobs.database_analyze.read_rows", lambda *_asked: [table])
    return lambda: seed(at=NOW, home=Home(tmp_path), story=story, days=2)


def _counts() -> dict[str, int]:
    rooms = {"accounts", "audit", "incidents", "knowledge", "maintenance", "monitoring", "plans", "platforms"}
    ours = [model for model in apps.get_models() if model._meta.app_label in rooms]
    return {model._meta.label: model._default_manager.count() for model in ours}


NUMBERS = re.compile(r"PRB-\d+|/runs/\d+")  # sequences go on where a rolled back seed left them


def _told() -> list[list[Any]]:
    """What the past says, without row numbers and secrets."""
    return [
        list(Incident.objects.order_by("declared_at").values_list("title", "rank", "state", "declared_at")),
        [(NUMBERS.sub("#", body), kind) for body, kind in TimelineEntry.objects.order_by(
            "recorded_at", "incident__title", "number").values_list("body", "kind")],
        list(ChecklistRun.objects.order_by("slot_at", "name", "platform__key").values_list("name", "state", "due_at")),
        list(ChecklistItem.objects.order_by("run__slot_at", "run__name", "run__platform__key", "position").values_list(
            "state", "answered_at")),
        list(OperationsLogEntry.objects.order_by("at", "text").values_list("at", "kind", "text")),
        list(Deployment.objects.order_by("started_at", "label").values_list("label", "state")),
        list(WindowOccurrence.objects.order_by("starts_at", "window__key").values_list("state", "opened_at")),
        list(Plan.objects.order_by("requested_at", "title").values_list("title", "state")),
    ]  # fmt: skip


def test_a_second_seed_finds_everything_and_another_home_hears_the_same_story(seed_now: Seed) -> None:
    with transaction.atomic():
        assert seed_now() > 50
        first, counted = _told(), _counts()
        assert seed_now() == 0
        assert _counts() == counted
        transaction.set_rollback(True)
    assert not Incident.objects.exists()
    seed_now()
    assert _told() == first
    assert _counts() == counted


def test_a_first_start_that_was_cut_off_tells_the_past_from_the_beginning(
    seed_now: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut_off:
        cut_off.setattr("opsportal.local.demo.seed.present_put", _stop)
        with pytest.raises(KeyboardInterrupt):
            seed_now()
    assert not Incident.objects.exists()
    assert seed_now() > 50


def _stop(**_anything: object) -> None:
    raise KeyboardInterrupt


def test_the_first_start_leaves_people_a_past_and_a_present(seed_now: Seed, story: Past, tmp_path: Path) -> None:
    seed_now()
    _check_people(tmp_path)
    _check_past(story)
    _check_present()


def _check_people(home: Path) -> None:
    kept = json.loads((home / "people.json").read_text())
    assert stat.S_IMODE((home / "people.json").stat().st_mode) == 0o600
    assert {person["role"] for person in kept} == set(ROLES)
    for person in kept:
        user = User.objects.get(email=person["email"])
        assert user.check_password(person["password"])
        roles = Membership.objects.filter(user=user).values_list("role", flat=True)
        assert list(roles) == [person["role"]] * Platform.objects.count()
        code = present_code(person["email"])
        assert (code is not None and len(code) == 6) == (person["role"] in ("commander", "admin"))
    assert Platform.objects.count() == 5
    assert AwsAccount.objects.count() == 2


def _check_past(story: Past) -> None:
    told = Incident.objects.filter(declared_at__lt=NOW - timedelta(hours=1))
    assert told.count() == len(story.incidents)
    assert not told.filter(state="open").exists()
    assert Review.objects.count() == sum(incident.rank <= 2 for incident in story.incidents)
    # Nothing of the past is mailed, and everything of it stands in the trail at its own time.
    assert not OutboxMessage.objects.filter(kind__startswith="incident", at__lt=NOW - timedelta(hours=1)).exists()
    assert AuditEntry.objects.filter(verb="incidents.incident.declared").count() == Incident.objects.count()
    assert not AuditEntry.objects.filter(at__gt=NOW).exists()
    done = ChecklistRun.objects.filter(state=RunState.DONE)
    assert done.exists()
    assert not ChecklistItem.objects.filter(run__in=done, state=ItemState.OPEN).exists()


def _check_present() -> None:
    lists = ChecklistRun.objects.filter(state=RunState.OPEN, due_at__gt=NOW)
    assert any(0 < run.answered_count < run.item_count for run in lists), "none is half answered"
    assert any(run.due_at <= NOW + timedelta(minutes=15) for run in lists), "none is due soon"
    assert Incident.objects.filter(state="open").count() == 1
    assert Plan.objects.filter(state=PlanState.AWAITING, expires_at__gt=NOW).exists()
