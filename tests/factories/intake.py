"""Sources, messages and a certificate authority that signs as SNS does."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.test import Client

from monitoring.intake.certificates import SigningKeys
from monitoring.intake.sns import NOTIFICATION, envelope_of, signed_text
from monitoring.models import AlertSource, SnsTopic
from monitoring.services.alert_sources import source_add
from opsportal.core.actor import system_actor
from opsportal.core.clock import real_now
from opsportal.platforms.models import Platform

BY = system_actor("tests")
TOPIC = "arn:aws:sns:us-east-1:111111111111:alerts"
OTHER_TOPIC = "arn:aws:sns:us-east-1:111111111111:others"
HOST = "sns.us-east-1.amazonaws.com"
CERTIFICATE = f"https://{HOST}/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"


def source_of(
    platform: Platform, *, at: datetime, kind: str = "alertmanager", **values: Any
) -> tuple[AlertSource, str]:
    """A source and the path of its link."""
    given = {"name": f"Source {kind}", "opens_incident": True, **values}
    source, key = source_add(by=BY, at=at, platform=platform, kind=kind, values=given)
    return source, f"/in/{kind}/{key}/"


def post(path: str, body: bytes | str | dict[str, Any], **headers: str) -> Any:
    """As an outside sender does, without any cookie."""
    data = json.dumps(body) if isinstance(body, dict) else body
    sent = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Client().post(path, data, content_type="text/plain", **sent)  # type: ignore[arg-type]


def fired(name: str, *, state: str = "firing", starts: str = "2026-03-10T08:59:00Z", **labels: str) -> dict[str, Any]:
    """One alert of Alertmanager."""
    ends = "2026-03-10T08:59:30Z" if state == "resolved" else "0001-01-01T00:00:00Z"
    return {
        "status": state,
        "labels": {"alertname": name, "service": "web", **labels},
        "annotations": {"summary": f"{name} of {labels.get('instance', 'web')}"},
        "startsAt": starts,
        "endsAt": ends,
    }


def together(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts)}


class Authority:
    """A root, and leaves in the name of SNS."""

    def __init__(self, name: str = "Test root") -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = real_now()
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        self.root = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def leaf(
        self,
        name: str = "sns.amazonaws.com",
        *,
        days: int = 10,
        bits: int = 2048,
        access: x509.AuthorityInformationAccess | None = None,
    ) -> tuple[rsa.RSAPrivateKey, bytes]:
        """A key and its certificate, as PEM; `days` below 0 is expired."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        now = real_now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        builder = builder.add_extension(access, critical=False) if access is not None else builder
        return key, builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Sns:
    """Signs messages like SNS, and serves the certificate it signs with."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.key, self.pem = self.authority.leaf()
        self.served: dict[str, bytes] = {CERTIFICATE: self.pem}
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.served[url]

    def keys(self) -> SigningKeys:
        return SigningKeys(self.fetch, lambda: (self.authority.root,))

    def message(self, *, at: datetime, kind: str = NOTIFICATION, version: str = "2", **fields: Any) -> dict[str, Any]:
        """A signed message sent `at`."""
        topic = fields.get("TopicArn", TOPIC)
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        row: dict[str, Any] = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": topic,
            "Message": "The database answers no more.",
            "Timestamp": stamp,
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE,
        }
        if kind != NOTIFICATION:
            token = fields.get("Token", "2336412f37fb687f5d51e6e2425dacbba6d4b5")
            address = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={token}"
            row |= {"Token": token, "SubscribeURL": address}
        return self.sign(row | fields)

    def sign(self, row: dict[str, Any], *, key: rsa.RSAPrivateKey | None = None) -> dict[str, Any]:
        """The message with a signature over what it says now."""
        algorithm = hashes.SHA1() if row["SignatureVersion"] == "1" else hashes.SHA256()  # noqa: S303 - SNS's version 1
        envelope = envelope_of(json.dumps({**row, "Signature": ""}).encode())
        signature = (key or self.key).sign(signed_text(envelope), padding.PKCS1v15(), algorithm)
        return {**row, "Signature": base64.b64encode(signature).decode()}


def allow(source: AlertSource, *, at: datetime, arn: str = TOPIC) -> SnsTopic:
    """A topic that is heard."""
    return SnsTopic.objects.create(
        source=source, platform_id=source.platform_id, arn=arn, state="allowed", first_seen_at=at
    )
