"""The bell: a person's own notices, and only those."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.notifications.models import Notice
from opsportal.notifications.services import notify, people
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ClientFor = Callable[..., Client]


@pytest.fixture
def notice(platform: Platform, operator: User) -> Notice:
    notify(
        key="k", kind="test", to=people(operator.pk), subject="INC-142 opened", body="Web API down",
        url="/health/", group_key="g", at=AT, platform_id=platform.pk,
    )  # fmt: skip
    return Notice.objects.get()


def test_a_person_sees_own_notices_only(notice: Notice, operator: User, viewer: User, client_for: ClientFor) -> None:
    assert "INC-142 opened" in client_for(operator).get("/notices/").text
    assert "INC-142 opened" not in client_for(viewer).get("/notices/").text


def test_opening_a_notice_marks_it_read_and_goes_there(notice: Notice, operator: User, client_for: ClientFor) -> None:
    answer = client_for(operator).post(f"/notices/{notice.pk}/open/")
    assert (answer.status_code, answer["Location"]) == (303, "/health/")
    notice.refresh_from_db()
    assert notice.read_at is not None


def test_nobody_opens_the_notice_of_another(notice: Notice, viewer: User, client_for: ClientFor) -> None:
    assert client_for(viewer).post(f"/notices/{notice.pk}/open/").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_a_notice_never_leads_out_of_the_portal(notice: Notice, operator: User, client_for: ClientFor) -> None:
    Notice.objects.update(url="https://evil.example/")
    answer = client_for(operator).post(f"/notices/{notice.pk}/open/")
    assert answer["Location"] == "/notices/"


def test_all_are_marked_read_at_once(notice: Notice, operator: User, client_for: ClientFor) -> None:
    assert client_for(operator).post("/notices/read/").status_code == 303
    assert not Notice.objects.filter(read_at=None).exists()


def test_password_reset_goes_through_the_outbox(operator: User, client_for: ClientFor) -> None:
    from opsportal.notifications.models import OutboxMessage

    answer = client_for(None).post("/accounts/password/reset/", {"email": operator.email})
    assert answer.status_code == 302
    message = OutboxMessage.objects.get()
    assert (message.target, message.user_id) == (operator.email, operator.pk)
    assert "/accounts/password/reset/key/" in message.body
