"""The certificates SNS signs with: fetched from SNS, their chain, name and time checked, kept for a day.

What fetches is handed in, so that tests bring their own and nothing else can reach the network.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import AuthorityInformationAccessOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from monitoring.intake.sns import ForgedError, KeyOf, SignerUnreachableError
from opsportal.core.clock import real_now
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.http import TargetError, fetch

PURPOSE: Final = "sns"
KEPT_SECONDS: Final = 86_400.0
RETRY_SECONDS: Final = 30.0  # an SNS that is away is not asked for every message of a storm
MOST_KEPT: Final = 64
SMALLEST_KEY: Final = 2048  # bits
# How the file of roots names them.
_AMAZONS: Final = re.compile(r"^# Subject: CN=Amazon Root CA [0-9]+ O=Amazon$", re.MULTILINE)
# Amazon's own certificates name where the one above them is; its signature proves it, so plain HTTP will do.
_ISSUER_HOST: Final = ".amazontrust.com"

Fetch = Callable[[str], bytes]


def fetched(url: str) -> bytes:
    """What a public address answers, through the guard. Raises SignerUnreachableError."""
    try:
        answer = fetch(purpose=PURPOSE, url=url)
    except (TargetError, BlockedAddressError) as error:
        raise SignerUnreachableError(f"{urlsplit(url).hostname} did not answer: {error}") from error
    if answer.status != 200 or answer.is_cut:
        raise SignerUnreachableError(f"{urlsplit(url).hostname} answered {answer.status}.")
    return answer.body


@cache
def public_roots() -> tuple[x509.Certificate, ...]:
    """Amazon's own roots, of those that browsers trust: nobody else speaks for SNS."""
    blocks = Path(certifi.where()).read_text(encoding="utf-8").split("# Issuer: ")
    own = [block for block in blocks if _AMAZONS.search(block)]
    return tuple(x509.load_pem_x509_certificate(block[block.index("-----BEGIN") :].encode()) for block in own)


class SigningKeys:
    """The key behind each address, asked once a day. Safe to share between threads: a race asks twice."""

    def __init__(
        self, fetch_from: Fetch = fetched, roots: Callable[[], Sequence[x509.Certificate]] = public_roots
    ) -> None:
        self._fetch = fetch_from
        self._roots = roots
        self._kept: dict[str, tuple[float, RSAPublicKey | Exception]] = {}

    def __call__(self, url: str) -> RSAPublicKey:
        """The key of a pinned address. Raises ForgedError, SignerUnreachableError."""
        until, found = self._kept.get(url, (0.0, None))
        if found is None or until <= time.monotonic():
            found = self._ask(url)
            seconds = RETRY_SECONDS if isinstance(found, SignerUnreachableError) else KEPT_SECONDS
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[url] = (time.monotonic() + seconds, found)
        if isinstance(found, Exception):
            raise found
        return found

    def _ask(self, url: str) -> RSAPublicKey | Exception:
        try:
            return checked_key(
                self._fetch(url), hosts_of(url), roots=self._roots(), fetch_from=self._fetch, at=real_now()
            )
        except (ForgedError, SignerUnreachableError) as error:
            return error


_in_force: Final[list[tuple[KeyOf, Fetch]]] = [(SigningKeys(), fetched)]


def use_sns(key_of: KeyOf, answers: Fetch) -> None:
    """Let somebody else be SNS, with its keys and its answers: the demo's simulator. From AppConfig.ready."""
    _in_force[:] = [(key_of, answers)]


def signing_key(url: str) -> RSAPublicKey:
    """The key of a pinned address, by whoever says so. Raises ForgedError, SignerUnreachableError."""
    return _in_force[0][0](url)


def answer_of_sns(url: str) -> bytes:
    """What SNS answers at a pinned address, whoever is SNS here. Raises SignerUnreachableError."""
    return _in_force[0][1](url)


def hosts_of(url: str) -> tuple[str, ...]:
    """The names a certificate of this address may bear: of SNS as a whole, or of its region."""
    host = urlsplit(url).hostname or ""
    whole = ".".join(("sns", *host.split(".")[2:]))
    return (whole, host)


def checked_key(
    pem: bytes, hosts: Sequence[str], *, roots: Sequence[x509.Certificate], fetch_from: Fetch, at: datetime
) -> RSAPublicKey:
    """The leaf's key, once its chain leads to a root at that time and its name fits. Raises ForgedError.

    SNS serves the leaf alone; the one above it is asked from where the leaf says.
    """
    try:
        leaf, *others = x509.load_pem_x509_certificates(pem)
        key = leaf.public_key()
    except (ValueError, TypeError) as error:
        raise ForgedError("What stands at SigningCertURL is no certificate.") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY:
        raise ForgedError("The certificate's key is no RSA key of 2,048 bits or more.")
    if _is_chained(leaf, others, hosts, roots, at):
        return key
    issuer = _issuer(leaf, fetch_from)
    if issuer is not None and _is_chained(leaf, [*others, issuer], hosts, roots, at):
        return key
    raise ForgedError("The certificate does not lead to a trusted root under the name of SNS, or has expired.")


def _is_chained(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    hosts: Sequence[str],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    if not roots:
        return False
    policy = PolicyBuilder().store(Store(list(roots))).time(at.astimezone(UTC).replace(tzinfo=None))
    for host in hosts:
        try:
            policy.build_server_verifier(x509.DNSName(host)).verify(leaf, list(others))
        except (VerificationError, ValueError):
            continue
        return True
    return False


def _issuer(leaf: x509.Certificate, fetch_from: Fetch) -> x509.Certificate | None:
    """The certificate above, where the leaf says it is; none where that is not Amazon's to say."""
    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    for description in access:
        if description.access_method != AuthorityInformationAccessOID.CA_ISSUERS:
            continue
        url = str(getattr(description.access_location, "value", ""))
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not (parts.hostname or "").endswith(_ISSUER_HOST):
            continue
        try:
            return x509.load_der_x509_certificate(fetch_from(url))
        except ValueError:
            return None
    return None
