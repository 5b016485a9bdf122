"""The outbox: told once, sent at least once with one key, tried again, parked and shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from opsportal.accounts.models import User
from opsportal.core.clock import real_now
from opsportal.core.faults import failpoint
from opsportal.notifications import delivery, transports
from opsportal.notifications.delivery import claim_messages, message_release, send_claimed
from opsportal.notifications.models import Notice, OutboxMessage
from opsportal.notifications.selectors import outbox_state
from opsportal.notifications.services import Audience, Recipient, mail_enqueue, muted, notify, people
from opsportal.notifications.transports import TransportError, mail_headers, sink_mails
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _mail_is_configured(settings: Any) -> None:
    settings.EMAIL_CONFIGURED = True
    settings.PUBLIC_URL = "https://ops.example"


def tell(platform: Platform, to: Any, key: str = "incident:142:opened", **fields: Any) -> int:
    given: dict[str, Any] = {
        "kind": "incidents.incident_opened",
        "subject": "INC-142 opened",
        "body": "Web API down",
        "url": "/incidents/142/",
        "group_key": "incident:142",
    }
    return notify(key=key, to=to, at=AT, platform_id=platform.pk, **(given | fields))


def test_an_audience_is_told_by_notice_and_mail_once(
    platform: Platform, operator: User, commander: User, viewer: User
) -> None:
    audience = Audience(platform.pk, roles=("operator", "commander"))
    for _ in range(2):
        assert tell(platform, audience) == 2
    assert set(Notice.objects.values_list("user_id", flat=True)) == {operator.pk, commander.pk}
    assert set(OutboxMessage.objects.values_list("target", flat=True)) == {operator.email, commander.email}


def test_inactive_people_are_not_told(platform: Platform, operator: User, commander: User) -> None:
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert tell(platform, Audience(platform.pk)) == 1
    assert people(operator.pk, commander.pk) == [Recipient(commander.pk, commander.email)]


def test_a_change_rolled_back_tells_nobody(platform: Platform, operator: User) -> None:
    with transaction.atomic():
        tell(platform, people(operator.pk))
        transaction.set_rollback(True)
    assert (Notice.objects.count(), OutboxMessage.objects.count()) == (0, 0)


def test_replaying_the_past_sends_no_mail_and_leaves_nothing_unread(platform: Platform, operator: User) -> None:
    with muted():
        tell(platform, people(operator.pk))
    assert OutboxMessage.objects.count() == 0
    assert Notice.objects.get().read_at == AT


def test_without_a_mail_server_only_notices_are_written(platform: Platform, operator: User, settings: Any) -> None:
    settings.EMAIL_CONFIGURED = settings.DEMO = False
    tell(platform, people(operator.pk))
    assert (Notice.objects.count(), OutboxMessage.objects.count()) == (1, 0)


def test_a_mail_carries_key_thread_and_link(platform: Platform, operator: User) -> None:
    tell(platform, people(operator.pk), key="a")
    tell(platform, people(operator.pk), key="b")
    assert send_claimed(claim_messages()) == 2
    first, second = mail.outbox
    assert (first.to, first.subject, first.body) == (
        [operator.email], "INC-142 opened", "Web API down\n\nhttps://ops.example/incidents/142/\n",
    )  # fmt: skip
    assert first.extra_headers["Idempotency-Key"] == f"a:{operator.pk}:email"
    assert first.extra_headers["Message-ID"] != second.extra_headers["Message-ID"]
    assert first.extra_headers["References"] == second.extra_headers["References"]
    assert outbox_state().pending == 0


def test_a_repeat_carries_the_same_message_id(platform: Platform, operator: User) -> None:
    tell(platform, people(operator.pk))
    message = OutboxMessage.objects.get()
    headers = mail_headers(message)
    message.attempts, message.fence = 5, 7
    assert mail_headers(message) == headers


def test_a_subject_with_a_line_break_cannot_add_a_header(platform: Platform, operator: User) -> None:
    tell(platform, people(operator.pk), subject="Down\r\nBcc: all@b.example\x00")
    send_claimed(claim_messages())
    assert mail.outbox[0].subject == "Down Bcc: all@b.example\ufffd"
    assert mail.outbox[0].bcc == []


def fails(*, is_permanent: bool) -> Any:
    def deliver(_message: OutboxMessage) -> None:
        raise TransportError("The mail server answered 4xx.", is_permanent=is_permanent)

    return deliver


def test_a_failure_is_tried_again_after_a_growing_pause(
    platform: Platform, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(platform, people(operator.pk))
    monkeypatch.setattr(delivery, "deliver", fails(is_permanent=False))
    waits = []
    for _ in range(delivery.MAX_ATTEMPTS):
        OutboxMessage.objects.update(not_before=real_now())
        assert send_claimed(claim_messages()) == 0
        waits.append(round((OutboxMessage.objects.get().not_before - real_now()).total_seconds()))
    assert waits[:4] == [5, 15, 60, 300]
    message = OutboxMessage.objects.get()
    assert message.parked_at is not None
    assert message.last_error == "The mail server answered 4xx."
    assert outbox_state().parked == 1


def test_a_permanent_failure_is_parked_at_once_and_can_be_released(
    platform: Platform, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(platform, people(operator.pk))
    monkeypatch.setattr(delivery, "deliver", fails(is_permanent=True))
    send_claimed(claim_messages())
    assert claim_messages() == []
    monkeypatch.setattr(delivery, "deliver", lambda _message: None)
    assert message_release(message_id=OutboxMessage.objects.get().pk)
    assert send_claimed(claim_messages()) == 1


def test_an_invitation_without_a_mail_server_is_parked_and_says_why(settings: Any) -> None:
    settings.EMAIL_CONFIGURED = settings.DEMO = False
    mail_enqueue(key="k", kind="accounts.invitation", target="a@b.example", subject="s", body="b", at=AT, user_id=None)
    send_claimed(claim_messages())
    assert "EMAIL_URL is not set" in OutboxMessage.objects.get(parked_at__isnull=False).last_error


def test_a_claimed_message_is_free_again_when_its_holder_vanished(platform: Platform, operator: User) -> None:
    tell(platform, people(operator.pk))
    lost = claim_messages()
    assert claim_messages() == []
    OutboxMessage.objects.update(lease_until=real_now() - timedelta(seconds=1))
    taken = claim_messages()
    assert [message.pk for message in taken] == [message.pk for message in lost]
    assert send_claimed(lost) == 0  # the old holder's fence is too low: it sends nothing any more
    assert send_claimed(taken) == 1


def test_the_demo_keeps_mails_in_its_sink(platform: Platform, operator: User, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_CONFIGURED, settings.DEMO, settings.OPSPORTAL_HOME = False, True, tmp_path
    assert sink_mails() == []
    tell(platform, people(operator.pk))
    send_claimed(claim_messages())
    (found,) = sink_mails()
    assert (found.target, found.subject, found.key) == (
        operator.email,
        "INC-142 opened",
        f"incident:142:opened:{operator.pk}:email",
    )
    assert transports.sink_path().stat().st_mode & 0o777 == 0o600


def test_a_fail_point_does_nothing_unless_asked_for_and_refuses_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    failpoint("outbox.after_send")
    monkeypatch.setenv("OPSPORTAL_FAULTS", "other=1")
    failpoint("outbox.after_send")
    monkeypatch.setenv("OPSPORTAL_FAULTS", "outbox.after_send=1")
    monkeypatch.setenv("OPSPORTAL_LOCAL", "0")
    failpoint("outbox.after_send")  # production never ends by a fail-point


def test_a_mail_about_an_account_keeps_no_link_once_sent(platform: Platform, viewer: User) -> None:
    mail_enqueue(
        key="account:1", kind="accounts.password_reset_key", target=viewer.email, subject="Reset",
        body="https://ops.example/reset/live", at=AT, user_id=viewer.pk,
    )  # fmt: skip
    tell(platform, people(viewer.pk))
    assert send_claimed(claim_messages()) == 2
    assert "reset/live" in str(mail.outbox[0].body)
    kept = dict(OutboxMessage.objects.values_list("kind", "body"))
    assert kept == {"accounts.password_reset_key": "", "incidents.incident_opened": "Web API down"}


def test_what_was_sent_or_read_long_ago_is_forgotten(platform: Platform, viewer: User) -> None:
    tell(platform, people(viewer.pk), key="old")
    tell(platform, people(viewer.pk), key="new")
    long_ago = delivery.KEEP_FOR + timedelta(days=1)
    OutboxMessage.objects.filter(key__startswith="old").update(sent_at=real_now() - long_ago)
    OutboxMessage.objects.filter(key__startswith="new").update(sent_at=real_now())
    Notice.objects.filter(key="old").update(read_at=AT - long_ago)
    assert delivery.forget_old(now=AT) == 2
    assert delivery.forget_old(now=AT) == 0
    assert OutboxMessage.objects.get().key.startswith("new")
    assert Notice.objects.get().key == "new"


def test_an_attempt_counts_when_it_is_made_not_when_it_waits(platform: Platform, viewer: User) -> None:
    tell(platform, people(viewer.pk))
    waiting = claim_messages()
    assert OutboxMessage.objects.get().attempts == 0
    send_claimed(waiting)
    assert OutboxMessage.objects.get().attempts == 1
