"""How a message leaves: by Django's mail, into the demo's sink, or to a webhook. One function for each channel."""

import hashlib
import json
import os
import smtplib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from opsportal.core.clock import real_now
from opsportal.notifications.models import Channel, OutboxMessage, Webhook
from opsportal.notifications.signing import signature
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.http import TargetError, fetch

MAIL_TIMEOUT: Final = 5  # seconds for each exchange with the mail server, well within the lease
POST_SECONDS: Final = 5.0  # for a webhook's whole answer, likewise
PERMANENT_FROM: Final = 500
SINK_LINES: Final = 500


class TransportError(Exception):
    """The message did not go out. `is_permanent`: trying again would fail the same way."""

    def __init__(self, reason: str, *, is_permanent: bool) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class SinkMail:
    """One mail as the demo's sink received it; the same `key` twice is a repeat after a crash."""

    key: str
    received_at: str
    target: str
    subject: str
    body: str
    kind: str


def deliver(message: OutboxMessage) -> None:
    """Send one message now. Raises TransportError."""
    if message.channel == Channel.WEBHOOK:
        _post(message)
        return
    if settings.EMAIL_CONFIGURED:
        _send_mail(message)
    elif settings.DEMO:
        _store_in_sink(message)
    else:
        raise TransportError("EMAIL_URL is not set: the portal cannot send mail.", is_permanent=True)


def full_body(message: OutboxMessage) -> str:
    """The text with the link into the portal below it."""
    link = f"\n\n{settings.PUBLIC_URL}{message.url}" if message.url else ""
    return f"{message.body}{link}\n"


def _address(local_part: str) -> str:
    digest = hashlib.sha256(local_part.encode()).hexdigest()[:32]
    return f"<{digest}@{urlsplit(settings.PUBLIC_URL).hostname or 'opsportal'}>"


UnsubscribeAddress = Callable[[OutboxMessage], str]
_unsubscribe: Final[dict[str, UnsubscribeAddress]] = {}


def register_unsubscribe(kind: str, address: UnsubscribeAddress) -> None:
    """Where mails of this kind are ended by one click (RFC 8058); from AppConfig.ready."""
    _unsubscribe[kind] = address


def mail_headers(message: OutboxMessage) -> dict[str, str]:
    """Stable over repeats: the key as Message-ID and Idempotency-Key; the group as a thread."""
    headers = {"Idempotency-Key": message.key, "Message-ID": _address(message.key), "Auto-Submitted": "auto-generated"}
    if message.group_key:
        headers["References"] = headers["In-Reply-To"] = _address(f"group:{message.group_key}")
    address = _unsubscribe[message.kind](message) if message.kind in _unsubscribe else ""
    if address:
        headers["List-Unsubscribe"] = f"<{address}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _send_mail(message: OutboxMessage) -> None:
    mail = EmailMessage(
        subject=message.subject,
        body=full_body(message),
        to=[message.target],
        headers=mail_headers(message),
        connection=get_connection(**_connection_options()),
    )
    try:
        mail.send()
    except smtplib.SMTPResponseException as error:
        is_permanent = error.smtp_code >= PERMANENT_FROM
        raise TransportError(f"The mail server answered {error.smtp_code}.", is_permanent=is_permanent) from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise TransportError(
            f"The mail server refused the address ({codes[0] if codes else '?'}).",
            is_permanent=bool(codes) and min(codes) >= PERMANENT_FROM,
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise TransportError(f"The mail server does not answer: {error}", is_permanent=False) from error
    except ValueError as error:
        raise TransportError(f"The mail cannot be written: {error}", is_permanent=True) from error


def _post(message: OutboxMessage) -> None:
    """POST to the webhook as it is now: 2xx is taken, 408, 425, 429 and 5xx are tried again."""
    webhook = Webhook.objects.filter(pk=message.target.removeprefix("webhook:")).first()
    if webhook is None or not webhook.is_active:
        raise TransportError("The webhook was removed or switched off.", is_permanent=True)
    try:
        signed = signature(webhook, message.body.encode(), at=real_now())
    except InvalidToken as error:  # SECRET_KEY is another one than when it was stored
        reason = "The webhook's secret cannot be read any more: make a new one."
        raise TransportError(reason, is_permanent=True) from error
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": message.key,
        "Opsportal-Event": message.kind,
        "Opsportal-Signature": signed,
    }
    try:
        answer = fetch(
            purpose="webhook", url=webhook.url, method="POST", headers=headers, body=message.body.encode(),
            seconds=POST_SECONDS,
        )  # fmt: skip
    except (TargetError, BlockedAddressError) as error:
        is_permanent = isinstance(error, BlockedAddressError) or error.is_permanent
        raise TransportError(str(error), is_permanent=is_permanent) from error
    if not 200 <= answer.status < 300:
        is_permanent = 300 <= answer.status < 500 and answer.status not in (408, 425, 429)
        raise TransportError(f"The receiver answered {answer.status}.", is_permanent=is_permanent)


def _connection_options() -> dict[str, Any]:
    return {"timeout": MAIL_TIMEOUT} if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend") else {}


def sink_path() -> Path:
    return Path(settings.OPSPORTAL_HOME) / "mail" / "sink.jsonl"


def _store_in_sink(message: OutboxMessage) -> None:
    line: Mapping[str, str] = {
        "key": message.key,
        "received_at": real_now().isoformat(timespec="seconds"),
        "target": message.target,
        "subject": message.subject,
        "body": full_body(message),
        "kind": message.kind,
    }
    path = sink_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())  # one write: lines of two dispatchers never mix
        finally:
            os.close(handle)
    except OSError as error:
        raise TransportError(f"The mail sink cannot be written: {error.strerror}.", is_permanent=False) from error


def sink_mails(limit: int = SINK_LINES) -> list[SinkMail]:
    """What the demo's sink received, latest first."""
    try:
        with sink_path().open(encoding="utf-8") as file:
            lines = deque(file, maxlen=limit)
    except FileNotFoundError:
        return []
    return [SinkMail(**json.loads(line)) for line in reversed(lines) if line.endswith("\n")]
