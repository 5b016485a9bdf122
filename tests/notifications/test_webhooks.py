"""Webhooks: told once under one key, signed, tried again or given up, never of what is restricted."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from incidents.services import incident_resolve, incident_restrict
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.clock import real_now
from opsportal.notifications import transports
from opsportal.notifications.delivery import claim_messages, send_claimed
from opsportal.notifications.loops import deliver_outbox, deliver_webhooks
from opsportal.notifications.models import OutboxMessage, Webhook
from opsportal.notifications.services import mail_enqueue
from opsportal.notifications.webhooks import BOTH_SIGN_FOR, WebhookError, webhook_add, webhook_ping, webhook_rotate
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

Clients = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db


class Receiver(ThreadingHTTPServer):
    """Keeps what it was sent, and answers `status`."""

    status = 200
    got: list[tuple[dict[str, str], bytes]]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.TARGET_NETWORKS = {"webhook": ["127.0.0.0/8"]}
    server = Receiver(("127.0.0.1", 0), _Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()


@pytest.fixture
def hook(platform: Platform, receiver: Receiver, at: datetime) -> tuple[Webhook, str]:
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    events = ["incident.declared", "incident.resolved"]
    return webhook_add(by=SYSTEM, at=at, platform=platform, name="Bridge", url=url, events=events)


def valid(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As the documentation tells a receiver to check."""
    parts = [part.split("=", 1) for part in headers["opsportal-signature"].split(",")]
    stamp = dict(parts)["t"]
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return any(name == "v1" and hmac.compare_digest(value, expected) for name, value in parts)


def test_what_was_asked_for_arrives_signed_and_once(
    hook: tuple[Webhook, str], receiver: Receiver, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at, title="Checkout down")
    send_claimed(claim_messages(channel="webhook"))
    (headers, body), *others = receiver.got
    told = json.loads(body)
    assert others == []
    assert valid(hook[1], headers, body)
    assert not valid("whsec_other", headers, body)
    assert (headers["opsportal-event"], told["data"]["title"]) == ("incident.declared", "Checkout down")
    assert told["data"]["reference"] == incident.reference
    assert headers["idempotency-key"] == OutboxMessage.objects.get(kind="incident.declared", channel="webhook").key
    assert claim_messages(channel="webhook") == []


def test_a_restricted_incident_is_never_told(hook: tuple[Webhook, str], platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    incident = incident_restrict(
        by=SYSTEM, at=at, incident=incident, expected=incident.version, is_restricted=True, user_ids=[]
    )
    incident_resolve(by=SYSTEM, at=at + timedelta(minutes=5), incident=incident, expected=incident.version)
    assert set(OutboxMessage.objects.filter(channel="webhook").values_list("kind", flat=True)) == {"incident.declared"}


@pytest.mark.parametrize("status, is_parked", [(500, False), (429, False), (410, True), (302, True)])
def test_a_refusal_is_tried_again_or_given_up(
    hook: tuple[Webhook, str], receiver: Receiver, at: datetime, status: int, is_parked: bool
) -> None:
    receiver.status = status
    webhook_ping(by=SYSTEM, at=at, webhook=hook[0])
    send_claimed(claim_messages(channel="webhook"))
    message = OutboxMessage.objects.get(channel="webhook")
    assert message.last_error == f"The receiver answered {status}."
    assert (message.parked_at is not None, message.sent_at) == (is_parked, None)


def test_an_address_inside_is_not_called(
    hook: tuple[Webhook, str], receiver: Receiver, at: datetime, settings: Any
) -> None:
    settings.TARGET_NETWORKS = {}
    webhook_ping(by=SYSTEM, at=at, webhook=hook[0])
    send_claimed(claim_messages(channel="webhook"))
    assert receiver.got == []
    assert OutboxMessage.objects.get(channel="webhook").parked_at is not None


def test_both_secrets_sign_for_a_day(hook: tuple[Webhook, str], receiver: Receiver, at: datetime) -> None:
    webhook, old = hook
    new = webhook_rotate(by=SYSTEM, at=at, webhook=webhook, expected=webhook.version)
    webhook_ping(by=SYSTEM, at=at, webhook=webhook)
    send_claimed(claim_messages(channel="webhook"))
    assert [valid(secret, *receiver.got[0]) for secret in (old, new)] == [True, True]
    Webhook.objects.update(old_secret_until=real_now() - BOTH_SIGN_FOR)
    webhook_ping(by=SYSTEM, at=at, webhook=webhook)
    send_claimed(claim_messages(channel="webhook"))
    assert [valid(secret, *receiver.got[1]) for secret in (old, new)] == [False, True]


@pytest.mark.parametrize("url", ["ftp://x/", "https://", "https://a:b@example.org/", "no address", "/hook"])
def test_a_strange_address_is_refused(platform: Platform, at: datetime, url: str) -> None:
    with pytest.raises(WebhookError):
        webhook_add(by=SYSTEM, at=at, platform=platform, name="x", url=url, events=["incident.declared"])


def test_an_admin_adds_tries_changes_and_removes_one(
    admin: User, client_for: Clients, platform: Platform, receiver: Receiver
) -> None:
    client, url = client_for(admin), f"http://127.0.0.1:{receiver.server_port}/hook"
    new = reverse("notifications:webhook-new", args=["shop"])
    assert client.post(new, {"name": "Bridge", "url": url}).status_code == 422
    made = client.post(new, {"name": "Bridge", "url": url, "events": ["incident.declared"]})
    assert (made.status_code, "whsec_" in made.content.decode()) == (200, True)
    webhook = Webhook.objects.get()
    assert b"whsec_" not in bytes(webhook.secret)
    page = reverse("notifications:webhook", args=[webhook.pk])
    assert "whsec_" not in client.get(page).content.decode()
    version = {"version": str(webhook.version)}
    assert client.post(reverse("notifications:webhook-try", args=[webhook.pk]), version).status_code == 303
    send_claimed(claim_messages(channel="webhook"))
    assert "taken" in client.get(reverse("notifications:webhooks")).content.decode()
    changed = client.post(page, {**version, "name": "Bridge 2", "url": url, "events": ["incident.resolved"]})
    assert changed.status_code == 303
    webhook.refresh_from_db()
    assert (webhook.name, webhook.is_active) == ("Bridge 2", False)
    assert client.post(page, {**version, "name": "x", "url": url, "events": ["incident.resolved"]}).status_code == 409
    gone = client.post(reverse("notifications:webhook-remove", args=[webhook.pk]), {"version": str(webhook.version)})
    assert (gone.status_code, Webhook.objects.exists()) == (303, False)
    verbs = list(AuditEntry.objects.filter(obj_kind="webhook").order_by("seq").values_list("verb", flat=True))
    assert [verb.rsplit(".", 1)[1] for verb in verbs] == ["added", "pinged", "changed", "removed"]


def test_it_is_for_admins_of_its_platform(
    hook: tuple[Webhook, str], commander: User, other_admin: User, client_for: Clients
) -> None:
    page = reverse("notifications:webhook", args=[hook[0].pk])
    assert client_for(commander).get(page).status_code == 403
    assert client_for(other_admin).get(page).status_code == 404
    assert "Bridge" not in client_for(other_admin).get(reverse("notifications:webhooks")).content.decode()


def mail(key: str) -> None:
    mail_enqueue(key=key, kind="test", target="a@b.example", subject="s", body="b", at=real_now(), user_id=None)


def test_a_secret_that_cannot_be_read_is_said_and_stops_nobody(
    hook: tuple[Webhook, str], receiver: Receiver, platform: Platform, at: datetime
) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/other"
    other, _ = webhook_add(by=SYSTEM, at=at, platform=platform, name="Other", url=url, events=["incident.declared"])
    Webhook.objects.filter(pk=hook[0].pk).update(secret=b"sealed under another key")
    declare(platform, by=SYSTEM, at=at)
    assert deliver_webhooks(at) == 2
    broken = OutboxMessage.objects.get(target=hook[0].target)
    assert (broken.parked_at is not None, "make a new one" in broken.last_error) == (True, True)
    assert OutboxMessage.objects.get(target=other.target).sent_at is not None


def test_a_message_that_cannot_be_tried_stops_none_behind_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch, at: datetime
) -> None:
    settings.EMAIL_CONFIGURED = True
    for key in ("first", "broken", "last"):
        mail(key)
    send = transports.full_body

    def full_body(message: OutboxMessage) -> str:
        if message.key == "broken":
            raise ZeroDivisionError
        return send(message)

    monkeypatch.setattr(transports, "full_body", full_body)
    deliver_outbox(at)
    unsent = OutboxMessage.objects.get(sent_at=None)
    assert (unsent.key, unsent.last_error) == ("broken", "It could not be sent: ZeroDivisionError.")
    assert unsent.not_before > real_now()


def test_a_receiver_that_is_slow_holds_back_only_itself(
    hook: tuple[Webhook, str], receiver: Receiver, platform: Platform, settings: Any, at: datetime
) -> None:
    settings.EMAIL_CONFIGURED = True
    url = f"http://127.0.0.1:{receiver.server_port}/other"
    other, _ = webhook_add(by=SYSTEM, at=at, platform=platform, name="Other", url=url, events=["incident.declared"])
    for _ in range(3):
        webhook_ping(by=SYSTEM, at=at, webhook=hook[0])
    webhook_ping(by=SYSTEM, at=at, webhook=other)
    mail("a mail")
    assert [message.target for message in claim_messages(channel="webhook")] == [hook[0].target, other.target]
    assert [message.key for message in claim_messages()] == ["a mail"]


def test_what_is_not_begun_in_time_is_given_back(hook: tuple[Webhook, str], receiver: Receiver, at: datetime) -> None:
    webhook_ping(by=SYSTEM, at=at, webhook=hook[0])
    assert send_claimed(claim_messages(channel="webhook"), until=time.monotonic() - 1) == 0
    assert receiver.got == []
    assert len(claim_messages(channel="webhook")) == 1
