"""Look at the certificate a host shows, valid or not."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from opsportal.targets.connecting import Deadline, open_socket
from opsportal.targets.http import TargetError

TOTAL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """The leaf certificate; times are aware UTC. `verify_error` is empty when a client would trust it."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    verify_error: str


def probe(*, purpose: str, host: str, port: int = 443, seconds: float = TOTAL_SECONDS) -> Certificate:
    """The certificate of host and port. Raises BlockedAddressError, TargetError."""
    deadline = Deadline(seconds)
    verify_error = ""
    try:
        leaf = _handshake(host, port, purpose, deadline, is_verified=True)
    except ssl.SSLCertVerificationError as error:
        verify_error = error.verify_message
        leaf = _shake_again(host, port, purpose, deadline)
    except OSError as error:
        raise TargetError(f"No TLS answer from {host}:{port}: {error}.") from error
    return read_certificate(leaf, verify_error=verify_error)


def read_certificate(leaf: bytes, *, verify_error: str = "") -> Certificate:
    """What a leaf certificate says, given as DER. Raises TargetError."""
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        return Certificate(
            subject=_common_name(certificate.subject),
            issuer=_common_name(certificate.issuer),
            names=_names(certificate),
            not_before=certificate.not_valid_before_utc.astimezone(UTC),
            not_after=certificate.not_valid_after_utc.astimezone(UTC),
            verify_error=verify_error,
        )
    except ValueError as error:  # shown, but against the form of a certificate
        raise TargetError("The certificate cannot be read.") from error


def _shake_again(host: str, port: int, purpose: str, deadline: Deadline) -> bytes:
    try:
        return _handshake(host, port, purpose, deadline, is_verified=False)
    except OSError as error:
        raise TargetError(f"No TLS answer from {host}:{port}: {error}.") from error


def _handshake(host: str, port: int, purpose: str, deadline: Deadline, *, is_verified: bool) -> bytes:
    context = ssl.create_default_context()
    if not is_verified:
        # The point is to read an expired or wrong certificate; nothing is sent over this connection.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    with open_socket(host, port, purpose, deadline) as opened:
        opened.settimeout(deadline.left())
        with context.wrap_socket(opened, server_hostname=host) as wrapped:
            leaf = wrapped.getpeercert(binary_form=True)
    if leaf is None:
        raise TargetError(f"{host}:{port} showed no certificate.")
    return leaf


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return ()
    assert isinstance(found, x509.SubjectAlternativeName)
    return tuple(str(name) for name in found.get_values_for_type(x509.DNSName))
