"""The certificate of a host, trusted or not."""

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opsportal.targets.http import TargetError
from opsportal.targets.tls import probe, read_certificate

NOT_AFTER = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def expired_host(tmp_path: Path, settings: Any) -> Iterator[int]:
    """A TLS server on the loopback whose own certificate expired in 2020."""
    settings.TARGET_NETWORKS = {"probe": ["127.0.0.0/8"]}
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOT_AFTER - timedelta(days=90))
        .not_valid_after(NOT_AFTER)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("shop.example"), x509.DNSName("www.shop.example")]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "host.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, context), daemon=True).start()
        yield server.getsockname()[1]


def _serve(server: Any, context: ssl.SSLContext) -> None:
    while True:
        try:
            opened, _ = server.accept()
            with opened, context.wrap_socket(opened, server_side=True) as wrapped:
                wrapped.recv(1)
        except ssl.SSLError:
            continue
        except OSError:
            if server.fileno() < 0:
                return


def test_an_expired_certificate_is_read_and_its_fault_named(expired_host: int) -> None:
    found = probe(purpose="probe", host="127.0.0.1", port=expired_host)
    assert found.not_after == NOT_AFTER
    assert (found.subject, found.issuer) == ("shop.example", "shop.example")
    assert found.names == ("shop.example", "www.shop.example")
    assert "certificate" in found.verify_error


def test_a_host_that_does_not_answer_is_an_error(settings: Any) -> None:
    settings.TARGET_NETWORKS = {"probe": ["127.0.0.0/8"]}
    with pytest.raises(TargetError):
        probe(purpose="probe", host="127.0.0.1", port=1, seconds=2)


def test_a_certificate_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(TargetError, match="cannot be read"):
        read_certificate(b"no certificate")
