"""The checklist report: figures that agree with the rows behind them."""

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from maintenance.models import ChecklistRun, ChecklistTemplate
from maintenance.services.checklists import checklist_run_miss, checklist_run_open, item_tick
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from opsportal.reports.checklists.selectors import compliance
from tests.factories.maintenance import PORTAL, checklist_template

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


def _run(template: ChecklistTemplate, slot: datetime, *, is_missed: bool = False, ticks: int = 0) -> ChecklistRun:
    run = checklist_run_open(by=PORTAL, at=slot, template=template, slot_at=slot)
    if is_missed:
        checklist_run_miss(by=PORTAL, at=run.due_at, run=run)
    for item in run.items.select_related("run").order_by("position")[:ticks]:
        item_tick(by=PORTAL, at=run.due_at + timedelta(hours=1) if is_missed else slot, item=item, expected=1)
    return run


@pytest.fixture
def month(platform: Platform) -> datetime:
    """Two lists done, one late, one missed half-way, one open; one done long ago."""
    now = clock.now()
    template = checklist_template(platform, at=now)
    for days in (2, 3, 45):
        _run(template, now - timedelta(days=days), ticks=3)
    _run(template, now - timedelta(days=4), is_missed=True, ticks=3)
    _run(template, now - timedelta(days=5), is_missed=True, ticks=1)
    _run(template, now, ticks=1)
    return now


def test_each_list_has_its_figures(month: datetime, actor_for: ActorFor, viewer: User, stranger: User) -> None:
    since = month - timedelta(days=30)
    (row,) = compliance(actor_for(viewer), since, month, None)
    assert (row.done, row.late, row.missed, row.total) == (2, 1, 1, 4)
    assert row.share == 0.5
    assert row.last_missed_at == ChecklistRun.objects.get(answered_count=1, state="missed").due_at
    assert not compliance(actor_for(stranger), since, month, None)


def test_each_figure_opens_as_many_rows(month: datetime, client_for: ClientFor, viewer: User) -> None:
    client = client_for(viewer)
    page = client.get(reverse("reports:checklists")).content.decode()
    links = re.findall(r'href="([^"]*outcome=(\w+)[^"]*)"[^>]*>(\d+)</a>', page)
    assert {(outcome, count) for _, outcome, count in links} == {("done", "2"), ("late", "1"), ("missed", "1")}
    for href, outcome, count in links:
        rows = client.get(href.replace("&amp;", "&")).content.decode()
        assert len(re.findall(r'href="/checklists/\d+/"', rows)) == int(count), outcome


def test_csv_says_the_same(month: datetime, client_for: ClientFor, viewer: User) -> None:
    ChecklistTemplate.objects.update(name="=1+1")
    answer = client_for(viewer).get(reverse("reports:checklists-csv"))
    head, row = list(csv.reader(io.StringIO(answer.content.decode())))
    assert dict(zip(head, row, strict=True))["share_in_time"] == "0.500000"
    assert row[:5] == ["shop", "'=1+1", "2", "1", "1"]


def test_strangers_find_empty_reports(month: datetime, client_for: ClientFor, stranger: User) -> None:
    client = client_for(stranger)
    assert "No list fell due" in client.get(reverse("reports:checklists")).content.decode()
    assert "No run here" in client.get(reverse("reports:checklist-rows")).content.decode()
    assert client.get(reverse("reports:checklists-csv")).content.decode().count("\n") == 1


@pytest.mark.parametrize("period", ["x", "2026-13", "2099-01", "1999-01", "30d\x00", "9" * 500])
def test_a_nonsense_period_is_a_400(client_for: ClientFor, viewer: User, period: str) -> None:
    client = client_for(viewer)
    for name in ("checklists", "checklist-rows", "checklists-csv"):
        assert client.get(reverse(f"reports:{name}"), {"period": period}).status_code == 400


@pytest.mark.parametrize("query", [{"list": "x"}, {"list": "9" * 30}, {"outcome": "x"}, {"list": "²"}])
def test_nonsense_narrowing_is_no_fault(client_for: ClientFor, viewer: User, query: dict[str, str]) -> None:
    assert client_for(viewer).get(reverse("reports:checklist-rows"), query).status_code == 200
