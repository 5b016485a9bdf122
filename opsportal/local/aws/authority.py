"""The simulator's own certificate authority: it signs SNS messages in the name of SNS, and nobody else believes it.

Made anew with each start; the certificate's address names it, so that no old one is taken for it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from opsportal.local.aws.catalogue import ACCOUNT, REGION

HOST: Final = f"sns.{REGION}.amazonaws.com"
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
ROOT: Final = "root.pem"
_LASTS: Final = timedelta(days=365)
_BITS: Final = 2048


class Authority:
    """A root and one leaf under it; `pems` by the names they are served under."""

    def __init__(self) -> None:
        at = datetime.now(UTC)  # certificates know real time only
        root_key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        own = _name("Simulated AWS")
        ca_usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        root = (
            _begun(own, own, root_key.public_key(), at)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(ca_usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        leaf = (
            _begun(_name(HOST), own, self._key.public_key(), at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self._leaf_name = f"SimpleNotificationService-{leaf.fingerprint(hashes.SHA256()).hex()[:32]}.pem"
        pem = serialization.Encoding.PEM
        self.pems: dict[str, bytes] = {ROOT: root.public_bytes(pem), self._leaf_name: leaf.public_bytes(pem)}

    def notification(self, *, subject: str, message: Mapping[str, Any], at: datetime) -> dict[str, str]:
        """A signed notification of the topic, as SNS posts it (signature version 2)."""
        return self._signed({"Type": "Notification", "Subject": subject, "Message": json.dumps(message)}, at)

    def confirmation(self, *, token: str, at: datetime) -> dict[str, str]:
        """A signed request to confirm the topic's subscription by this token, as SNS posts it before anything else."""
        query = urlencode({"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": token})
        text = f"You have chosen to subscribe to the topic {TOPIC}.\nTo confirm it, visit the SubscribeURL."
        fields = {"Type": "SubscriptionConfirmation", "Message": text, "Token": token}
        return self._signed({**fields, "SubscribeURL": f"https://{HOST}/?{query}"}, at)

    def _signed(self, about: Mapping[str, str], at: datetime) -> dict[str, str]:
        fields = {
            **about,
            "MessageId": str(uuid4()),
            "TopicArn": TOPIC,
            "Timestamp": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z",
        }
        text = "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields)).encode()
        signature = self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        return {
            **fields,
            "SignatureVersion": "2",
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": f"https://{HOST}/{self._leaf_name}",
        }


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begun(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, at: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + _LASTS)
    )
