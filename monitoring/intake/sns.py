"""Amazon SNS: who may call a message his own, and what is in it. Pure: the certificate comes from outside.

An envelope is believed when its signature (version 1 or 2, Amazon SNS developer guide, "Verifying the signatures of
Amazon SNS messages") is that of a certificate which SNS itself serves for the region of its topic, and its time is
near. Which topics are heard is the portal's admins' to say.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from monitoring.intake.alerts import AlertIn, ParseError, alert_in, digest, json_of, line, mapping_of, moment
from monitoring.intake.eventbridge import event_alert

NOTIFICATION: Final = "Notification"
SUBSCRIPTION: Final = "SubscriptionConfirmation"
UNSUBSCRIPTION: Final = "UnsubscribeConfirmation"
RAW_HEADER: Final = "x-amz-sns-rawdelivery"
OLDEST: Final = timedelta(hours=1)  # SNS gives up retrying after that
AHEAD: Final = timedelta(minutes=5)
_LONGEST: Final = 262_144
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {"1": hashes.SHA1, "2": hashes.SHA256}
ARN: Final = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{4,30}):([0-9]{12}):([A-Za-z0-9_-]{1,256})(\.fifo)?"
)
_CERTIFICATE: Final = re.compile(
    r"https://sns\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem"
)
_CONFIRM: Final = re.compile(
    r"https://sns\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/"
    r"\?Action=ConfirmSubscription&TopicArn=([A-Za-z0-9:._%-]{1,400})&Token=([A-Za-z0-9]{1,1024})"
)


class ForgedError(Exception):
    """The message is not proven to be SNS's; the text says what does not fit."""


class SignerUnreachableError(Exception):
    """The certificate could not be had now; the message may be true."""


KeyOf = Callable[[str], RSAPublicKey]
"""The public key of the certificate at a pinned address. Raises ForgedError, SignerUnreachableError."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every signed message says."""

    kind: str
    topic: str
    message_id: str
    subject: str
    message: str
    token: str
    fields: Mapping[str, str]

    @property
    def region(self) -> str:
        return self.topic.split(":")[3]


def envelope_of(body: bytes) -> Envelope:
    """The envelope, unproven. Raises ParseError."""
    row = mapping_of(json_of(body, is_cleaned=False), "The message")
    fields = {name: value for name, value in row.items() if isinstance(value, str) and len(value) <= _LONGEST}
    kind = fields.get("Type", "")
    if kind not in _SIGNED:
        raise ParseError("This is no message of Amazon SNS: its Type is missing or unknown.")
    missing = [name for name in _SIGNED[kind] if name not in fields and (name != "Subject" or name in row)]
    if missing:
        # A Subject that is there but no text (null) is none.
        missing = [name for name in missing if not (name == "Subject" and row[name] is None)]
    if missing:
        raise ParseError(f"The message lacks {missing[0]}.")
    return Envelope(
        kind=kind,
        topic=fields["TopicArn"],
        message_id=fields["MessageId"],
        subject=fields.get("Subject", ""),
        message=fields["Message"],
        token=fields.get("Token", ""),
        fields=fields,
    )


def signed_text(envelope: Envelope) -> bytes:
    """What SNS signs: names and values of the kind's fields, each on a line of its own."""
    lines = [f"{name}\n{envelope.fields[name]}\n" for name in _SIGNED[envelope.kind] if name in envelope.fields]
    return "".join(lines).encode("utf-8", "surrogatepass")


def verify(envelope: Envelope, headers: Mapping[str, str], *, at: datetime, key_of: KeyOf) -> None:
    """Raises ForgedError unless SNS signed it lately; SignerUnreachableError when that cannot be known now.

    `at` is when it came.
    """
    arn = ARN.fullmatch(envelope.topic)
    if arn is None:
        raise ForgedError("The topic's ARN is none.")
    for header, value in (("x-amz-sns-topic-arn", envelope.topic), ("x-amz-sns-message-type", envelope.kind)):
        if headers.get(header, value) != value:
            raise ForgedError(f"The header {header} says something else than the message.")
    url = envelope.fields.get("SigningCertURL", "")
    _require_pinned(_CERTIFICATE.fullmatch(url), arn, "SigningCertURL")
    if envelope.kind != NOTIFICATION:
        confirm_url(envelope)
    _require_recent(envelope, at)
    version = envelope.fields.get("SignatureVersion", "")
    if version not in _HASHES:
        raise ForgedError("The signature's version is neither 1 nor 2.")
    try:
        signature = base64.b64decode(envelope.fields.get("Signature", ""), validate=True)
        key_of(url).verify(signature, signed_text(envelope), padding.PKCS1v15(), _HASHES[version]())
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise ForgedError("The signature does not fit the message.") from error


def _require_pinned(found: re.Match[str] | None, arn: re.Match[str], what: str) -> None:
    """The address is SNS's own, of the topic's region and partition."""
    if found is None:
        raise ForgedError(f"{what} is not an address of Amazon SNS.")
    if found[1] != arn[2] or bool(found[2]) != (arn[1] == "aws-cn"):
        raise ForgedError(f"{what} is not of the topic's region.")


def _require_recent(envelope: Envelope, at: datetime) -> None:
    sent = moment(envelope.fields["Timestamp"])
    if sent is None:
        raise ForgedError("The message's time is none.")
    if not at - OLDEST <= sent <= at + AHEAD:
        raise ForgedError("The message is older than an hour or from the future: it may be a replay.")


def confirm_url(envelope: Envelope) -> str:
    """The address that confirms a subscription, made anew from what was checked. Raises ForgedError."""
    arn, found = ARN.fullmatch(envelope.topic), _CONFIRM.fullmatch(envelope.fields.get("SubscribeURL", ""))
    if arn is None:
        raise ForgedError("The topic's ARN is none.")
    _require_pinned(found, arn, "SubscribeURL")
    assert found is not None
    if unquote(found[3]) != envelope.topic or found[4] != envelope.token:
        raise ForgedError("SubscribeURL names another topic or token than the message.")
    return address_to_confirm(envelope.topic, envelope.token)


def address_to_confirm(topic: str, token: str) -> str:
    """Where the subscription of an allowed topic is confirmed."""
    _, partition, _, region, *_ = topic.split(":")
    host = f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    return f"https://{host}/?Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={quote(token, safe='')}"


def is_raw(headers: Mapping[str, str]) -> bool:
    """Raw delivery: the body is the message itself, without envelope and signature."""
    return headers.get(RAW_HEADER, "").lower() == "true"


def parse(body: bytes, headers: Mapping[str, str]) -> list[AlertIn]:
    """The alerts of a notification or of a raw delivery; none of a confirmation. Raises ParseError."""
    if is_raw(headers):
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise ParseError("The raw message is not UTF-8.") from error
        return [_inner(text, subject="", message_id=headers.get("x-amz-sns-message-id", ""), at=None)]
    envelope = envelope_of(body)
    if envelope.kind != NOTIFICATION:
        return []
    at = moment(envelope.fields["Timestamp"])
    return [_inner(envelope.message, subject=envelope.subject, message_id=envelope.message_id, at=at)]


def _inner(text: str, *, subject: str, message_id: str, at: datetime | None) -> AlertIn:
    """A CloudWatch alarm, an event of AWS, or words."""
    try:
        row: Any = json_of(text.encode("utf-8", "replace"))
    except ParseError:
        row = None
    if isinstance(row, dict) and "AlarmName" in row and "NewStateValue" in row:
        return _alarm(row, at)
    if isinstance(row, dict) and "detail-type" in row:
        return event_alert(row)
    title = line(subject, 240) or line(text.strip().split("\n", 1)[0], 240)
    return alert_in(
        title=title,
        is_firing=True,
        subject=("words", title),
        event=("message", message_id) if message_id else (),
        at=at,
        text=text,
    )


def _alarm(row: Mapping[str, Any], at: datetime | None) -> AlertIn:
    name, word = line(row["AlarmName"], 240), line(row["NewStateValue"], 40)
    if word not in ("OK", "ALARM", "INSUFFICIENT_DATA"):
        raise ParseError("The alarm says no state.")
    changed = moment(row.get("StateChangeTime")) or at
    account, region = row.get("AWSAccountId", ""), row.get("Region", "")
    trigger = row.get("Trigger")
    metric = line(trigger.get("MetricName"), 120) if isinstance(trigger, dict) else ""
    arn = line(row.get("AlarmArn"), 255)
    return alert_in(
        title=name,
        is_firing=word == "ALARM",
        subject=("alarm", account, region, name),
        # The same words as by EventBridge: one change that comes by both ways is one event.
        event=("alarm", arn or name, word, changed),
        at=changed,
        text=row.get("NewStateReason", ""),
        signal=metric or name,
        labels={"account": account, "region": region, "metric": metric},
        arn=arn,
    )


def name_of(envelope: Envelope) -> str:
    """What a repeated delivery of the same message is known by."""
    return digest("sns", envelope.message_id)
