"""Opening, answering, missing a list."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection

from maintenance.loops import checklists, open_checklists
from maintenance.models import ChecklistRun, ItemState, OperationsLogEntry, RunState, TickEvent, TickKind
from maintenance.services.checklists import (
    ItemAnsweredError,
    ReasonMissingError,
    checklist_run_open,
    item_note,
    item_set_aside,
    item_tick,
    item_untick,
)
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform
from tests.factories.maintenance import PORTAL, checklist_run, checklist_template

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


def test_a_slot_is_opened_once_by_two_dispatchers(platform: Platform, at: datetime) -> None:
    template = checklist_template(platform, at=at)
    first = checklist_run_open(by=PORTAL, at=at, template=template, slot_at=at)
    second = checklist_run_open(by=PORTAL, at=at, template=template, slot_at=at)
    assert first.pk == second.pk
    assert first.items.count() == 3


def test_the_second_tick_is_refused_with_name_and_time(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    run = checklist_run(platform, at=at)
    mine, theirs = run.items.get(position=1), run.items.get(position=1)
    item_tick(by=actor_for(operator), at=at, item=mine, expected=1)
    with pytest.raises(ItemAnsweredError) as refused:
        item_tick(by=actor_for(commander), at=at + timedelta(minutes=1), item=theirs, expected=1)
    assert refused.value.who == operator.name
    assert refused.value.item.answered_at == at
    assert TickEvent.objects.filter(item=mine, kind=TickKind.TICKED).count() == 1


def test_the_last_answer_completes_the_list_and_writes_the_log(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    run = checklist_run(platform, at=at, items=2)
    by = actor_for(operator)
    for item in run.items.order_by("position"):
        item_tick(by=by, at=at, item=item, expected=1)
    run.refresh_from_db()
    assert (run.state, run.answered_count, run.completed_at) == (RunState.DONE, 2, at)
    assert OperationsLogEntry.objects.filter(platform=platform, text="Morning complete, 2 items.").exists()


def test_unticking_needs_a_reason_and_opens_the_list_again(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    run, by = checklist_run(platform, at=at, items=1), actor_for(operator)
    item = run.items.get()
    item_tick(by=by, at=at, item=item, expected=1)
    with pytest.raises(ReasonMissingError):
        item_untick(by=by, at=at, item=item, expected=2, reason=" ")
    item_untick(by=by, at=at, item=item, expected=2, reason="wrong box")
    run.refresh_from_db()
    assert (run.state, run.answered_count, run.completed_at) == (RunState.OPEN, 0, None)
    assert item.state == ItemState.OPEN


def test_setting_aside_keeps_the_reason(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    item_set_aside(by=actor_for(operator), at=at, item=item, expected=1, reason="no backup on Sundays")
    assert TickEvent.objects.get(item=item).reason == "no backup on Sundays"


def test_an_old_note_does_not_overwrite_a_newer_one(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    run, by = checklist_run(platform, at=at), actor_for(operator)
    mine, theirs = run.items.get(position=1), run.items.get(position=1)
    item_note(by=by, at=at, item=mine, expected=1, note="first")
    with pytest.raises(VersionConflictError):
        item_note(by=by, at=at, item=theirs, expected=1, note="second")
    mine.refresh_from_db()
    assert mine.note == "first"


def test_each_write_leaves_one_audit_row(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    before = AuditEntry.objects.count()
    item_tick(by=actor_for(operator), at=at, item=item, expected=1)
    assert AuditEntry.objects.count() == before + 1


def test_the_loop_opens_a_list_before_its_local_time(platform: Platform, at: datetime) -> None:
    # 09:00 in Berlin is 08:00 UTC in March; the list opens half an hour before.
    checklist_template(platform, at=at.replace(hour=0))
    assert open_checklists(at.replace(hour=7, minute=29)) == 0
    assert open_checklists(at.replace(hour=7, minute=30)) == 1
    assert open_checklists(at.replace(hour=7, minute=31)) == 0
    assert ChecklistRun.objects.get().slot_at == at.replace(hour=8, minute=0)


def test_the_loop_misses_a_list_after_its_time_and_only_once(platform: Platform, at: datetime) -> None:
    run = checklist_run(platform, at=at)
    checklists(run.due_at - timedelta(seconds=1))
    run.refresh_from_db()
    assert run.state == RunState.OPEN
    checklists(run.due_at)
    checklists(run.due_at + timedelta(minutes=1))
    run.refresh_from_db()
    assert (run.state, run.missed_at) == (RunState.MISSED, run.due_at)
    assert OperationsLogEntry.objects.filter(text__startswith="Morning missed").count() == 1


def test_slots_before_the_template_became_active_are_not_owed(platform: Platform, at: datetime) -> None:
    checklist_template(platform, at=at)
    open_checklists(at)
    assert not ChecklistRun.objects.filter(slot_at__lt=at).exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_ticks_of_one_item_leave_one_event(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    item = checklist_run(platform, at=at).items.get(position=1)
    by, told, barrier = actor_for(operator), [], threading.Barrier(10)

    def tick() -> None:
        mine = type(item).objects.select_related("run").get(pk=item.pk)
        barrier.wait(timeout=20)
        for _ in range(5):
            try:
                item_tick(by=by, at=at, item=mine, expected=1)
            except ItemAnsweredError as error:
                told.append(error.who)
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert TickEvent.objects.filter(item=item, kind=TickKind.TICKED).count() == 1
    assert told == [operator.name] * 49
