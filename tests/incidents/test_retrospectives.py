"""Looking back: opened with facts, written with versions, held, and the next one opens by itself."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.test import Client

from incidents.choices import LookBack
from incidents.errors import IncidentError
from incidents.loops import open_retrospectives
from incidents.models import Retrospective
from incidents.services import (
    incident_restrict,
    retrospective_close,
    retrospective_open,
    retrospective_write,
    retrospectives,
)
from incidents.services.retrospectives import days_after
from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db
FIRST = date(2026, 2, 23)  # a Monday two weeks before `at`


@pytest.fixture
def row(platform: Platform, at: datetime) -> Retrospective:
    return retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=FIRST)


@pytest.mark.parametrize(
    "kind, first, after",
    [
        ("biweekly", date(2026, 2, 23), date(2026, 3, 9)),
        ("monthly", date(2026, 2, 1), date(2026, 3, 1)),
        ("monthly", date(2026, 12, 10), date(2027, 1, 1)),
        ("tech_talk", date(2026, 12, 28), date(2027, 1, 4)),
    ],
)
def test_days_of_each_kind(kind: str, first: date, after: date) -> None:
    assert days_after(kind, first) == after


def test_it_opens_with_the_record_of_its_days_and_hides_what_is_restricted(platform: Platform, at: datetime) -> None:
    seen = declare(platform, by=SYSTEM, at=at - timedelta(days=4), title="Checkout down")
    hidden = declare(platform, by=SYSTEM, at=at - timedelta(days=3), title="Breach")
    incident_restrict(by=SYSTEM, at=at, incident=hidden, expected=hidden.version, is_restricted=True, user_ids=[])
    declare(platform, by=SYSTEM, at=at, title="Too late")
    found = retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=FIRST).facts
    assert "1\N{NO-BREAK SPACE}incident declared" in found
    assert seen.reference in found
    assert "Breach" not in found


def test_the_record_names_the_first_ones_and_counts_all(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrospectives, "MOST_NAMED", 1)
    first, second = (declare(platform, by=SYSTEM, at=at - timedelta(days=4)) for _ in range(2))
    found = retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=FIRST).facts
    assert "2\N{NO-BREAK SPACE}incidents declared" in found
    assert f"[{first.reference}]" in found
    assert f"[{second.reference}]" not in found
    assert "and 1 more" in found


def test_days_that_still_run_are_refused_and_one_opens_once(
    platform: Platform, at: datetime, row: Retrospective
) -> None:
    with pytest.raises(IncidentError, match="after them"):
        retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=row.ends_on)
    for first in (FIRST, FIRST - timedelta(days=3)):
        with pytest.raises(IncidentError, match="there already"):
            retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=first)


def test_the_next_opens_by_itself_until_the_last(at: datetime, row: Retrospective) -> None:
    assert open_retrospectives(at) == 0
    later = at + timedelta(days=14)
    assert [open_retrospectives(later), open_retrospectives(later)] == [1, 0]
    second = Retrospective.objects.get(starts_on=row.ends_on)
    written = retrospective_write(
        by=SYSTEM, at=later, row=second, expected=second.version, well="Calm", improve="", actions=""
    )
    retrospective_close(by=SYSTEM, at=later, row=written, expected=written.version, is_last=True)
    assert open_retrospectives(later + timedelta(days=40)) == 0


def test_a_series_nobody_writes_is_ended_though_the_next_is_open(at: datetime, row: Retrospective) -> None:
    later = at + timedelta(days=14)
    open_retrospectives(later)
    with pytest.raises(IncidentError, match="Write what"):
        retrospective_close(by=SYSTEM, at=later, row=row, expected=row.version, is_last=False)
    retrospective_close(by=SYSTEM, at=later, row=row, expected=row.version, is_last=True)
    assert open_retrospectives(later + timedelta(days=40)) == 0


def test_people_write_hold_and_read_it(
    client_for: Callable[..., Client], operator: User, manager: User, viewer: User, stranger: User, row: Retrospective
) -> None:
    client = client_for(operator)
    held, write = f"{row.url}close/", f"{row.url}write/"
    assert client.post(held, {"version": "1"}).status_code == 422
    text = {"well": "Fast rollback", "improve": "Alarms", "actions": "ACT-1", "version": "1"}
    assert client_for(viewer).post(write, text).status_code == 403
    assert client.post(write, text).status_code == 303
    assert client_for(manager).post(write, text).status_code == 409
    assert client_for(manager).post(held, {"version": "2"}).status_code == 303
    lost = client.post(write, text | {"well": "Typed too late", "version": "3"})
    assert (lost.status_code, "Typed too late" in lost.content.decode()) == (422, True)
    assert "Fast rollback" in client_for(viewer).get(row.url).content.decode()
    assert client_for(stranger).get(row.url).status_code == 404
    assert str(row) in client_for(viewer).get("/learnings/retrospectives/").content.decode()


def test_a_series_is_started_in_the_browser(
    client_for: Callable[..., Client], manager: User, platform: Platform
) -> None:
    client, new = client_for(manager), "/learnings/retrospectives/new/"
    form = {"platform": str(platform.pk), "kind": "tech_talk", "starts_on": "2026-01-05"}
    assert client.post(new, form | {"starts_on": "2999-01-01"}).status_code == 422
    assert client.post(new, form).status_code == 303
    assert client.post(new, form).status_code == 422
    assert Retrospective.objects.get().ends_on == date(2026, 1, 12)
