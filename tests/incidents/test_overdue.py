"""Overdue is said in one place, by the day of the platform's zone, whoever reads it from wherever."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from incidents.errors import IncidentError
from incidents.models import ActionItem
from incidents.selectors.reviews import action_ages, action_items_of, action_page
from incidents.services import action_item_add, action_item_update
from incidents.services.actions import overdue_items
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Environment, Platform
from tests.factories.incidents import SYSTEM, declare
from tests.factories.platforms import MembershipFactory

ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
DUE = date(2026, 3, 12)


def item_of(platform: Platform, zone: str, at: datetime, **values: object) -> ActionItem:
    Environment.objects.filter(platform=platform).update(zone=zone)
    incident = declare(platform, by=SYSTEM, at=at)
    return action_item_add(by=SYSTEM, at=at, incident=incident, title="Alert on pool", due_date=DUE, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "zone, over",
    [
        ("UTC", "2026-03-13T00:00"),
        ("Europe/Berlin", "2026-03-12T23:00"),
        ("America/Los_Angeles", "2026-03-13T07:00"),  # the clocks went forward on the 8th
        ("Pacific/Kiritimati", "2026-03-12T10:00"),
        ("Asia/Kathmandu", "2026-03-12T18:15"),
    ],
)
def test_the_day_ends_where_the_platform_lives(
    zone: str, over: str, platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by, item = actor_for(operator), item_of(platform, zone, at, owner_id=operator.pk)
    end = datetime.fromisoformat(over).replace(tzinfo=UTC)
    for moment, late in ((end - timedelta(seconds=1), False), (end, True)):
        shown = action_page(by, platform_id=None, view="overdue", at=moment, cursor=None).rows
        assert [row.pk for row in shown] == ([item.pk] if late else [])
        assert overdue_items(moment).exists() is late
        (row,) = action_items_of(item.incident) if item.incident else ()
        assert row.is_overdue(moment) is late


def test_what_is_finished_or_has_no_day_is_never_overdue(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    item = item_of(platform, "UTC", at)
    late = at + timedelta(days=9)
    assert ActionItem.objects.overdue(late).count() == 1
    item = action_item_update(
        by=SYSTEM, at=at, item=item, expected=1, state="done", owner_id=None, due_date=DUE, evidence="a test"
    )
    assert not ActionItem.objects.overdue(late).exists()
    assert not ActionItem.objects.unfinished().exists()
    undated = action_item_add(by=SYSTEM, at=at, incident=declare(platform, by=SYSTEM, at=at), title="Some day")
    assert not ActionItem.objects.overdue(late).exists()
    assert not ActionItem.objects.with_end().get(pk=undated.pk).is_overdue(late)
    assert [n for *_, n in action_ages(actor_for(operator), platform_id=None, at=at)] == [1, 0, 0, 0]


def test_a_due_day_that_is_past_on_the_platform_is_refused(platform: Platform) -> None:
    at = datetime(2026, 3, 12, 12, tzinfo=UTC)
    with pytest.raises(IncidentError, match="past"):
        item_of(platform, "Pacific/Kiritimati", at)
    assert item_of(platform, "America/Los_Angeles", at).due_date == DUE


def test_the_reader_zone_changes_nothing(platform: Platform, client_for: ClientFor, viewer: User, at: datetime) -> None:
    item_of(platform, "UTC", at)
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        User.objects.filter(pk=viewer.pk).update(zone=zone)
        viewer.refresh_from_db()
        assert "late" in client_for(viewer).get("/actions/").content.decode()


def test_the_board_begins_with_what_is_longest_overdue_and_ends_with_what_has_no_day(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by, incident = actor_for(operator), declare(platform, by=SYSTEM, at=at)
    days = {"none": None, "later": 9, "first": 1, "none again": None, "second": 2, "today": 3}
    for title, day in days.items():
        due = None if day is None else at.date() + timedelta(days=day)
        action_item_add(by=SYSTEM, at=at, incident=incident, title=title, due_date=due, owner_id=operator.pk)
    done = action_item_add(by=SYSTEM, at=at, incident=incident, title="done", due_date=at.date())
    action_item_update(
        by=SYSTEM, at=at, item=done, expected=1, state="done", owner_id=None, due_date=at.date(), evidence="a test"
    )
    now, wanted = at + timedelta(days=3), ["first", "second", "today", "later", "none again", "none"]
    for view in ("", "mine", "age-week"):
        shown, cursor = [], None
        for _ in range(3):  # page by page the order holds
            page = action_page(by, platform_id=None, view=view, at=now, cursor=cursor, size=2)
            shown += [row.title for row in page.rows]
            cursor = page.next_cursor
        assert (shown, cursor) == (wanted, None), view
    late = action_page(by, platform_id=None, view="overdue", at=now, cursor=None).rows
    assert [row.title for row in late] == ["first", "second"]
    finished = action_page(by, platform_id=None, view="finished", at=now, cursor=None).rows
    assert [row.title for row in finished] == ["done"]


def test_of_one_day_it_is_overdue_first_where_the_day_ends_first(
    platform: Platform, other_platform: Platform, at: datetime, admin: User, actor_for: ActorFor
) -> None:
    for place, zone in ((other_platform, "Pacific/Kiritimati"), (platform, "Pacific/Pago_Pago")):
        item_of(place, zone, at)
    MembershipFactory.create(platform=other_platform, user=admin, role="admin")
    shown = action_page(actor_for(admin), platform_id=None, view="", at=at, cursor=None).rows
    assert [row.platform for row in shown] == [other_platform, platform]
