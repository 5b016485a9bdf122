"""The simulator's SNS: its signature is believed and it is asked only while the endpoint setting is its own."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from monitoring.intake.certificates import SigningKeys
from monitoring.intake.sns import ForgedError, SignerUnreachableError
from opsportal.local.aws.authority import ROOT
from opsportal.local.aws.control import Control, ControlError


def _certificate(name: str) -> bytes:
    try:
        return Control(settings.AWS_ENDPOINT_URL or "").certificate(name)
    except ControlError as error:
        raise SignerUnreachableError(str(error)) from error


def _fetched(url: str) -> bytes:
    return _certificate(url.rpartition("/")[2])


def _roots() -> Sequence[x509.Certificate]:
    return x509.load_pem_x509_certificates(_certificate(ROOT))


_keys = SigningKeys(_fetched, _roots)


def simulated_key(url: str) -> RSAPublicKey:
    """The key behind an address of the simulated SNS. Raises ForgedError, SignerUnreachableError."""
    if not settings.AWS_ENDPOINT_URL:
        raise ForgedError("The portal reads no simulated AWS, and nobody else believes its signature.")
    return _keys(url)


def simulated_answer(url: str) -> bytes:
    """What the simulated SNS answers in the name of SNS's own address. Raises SignerUnreachableError."""
    try:
        return Control(settings.AWS_ENDPOINT_URL or "").confirm(urlsplit(url).query)
    except ControlError as error:
        raise SignerUnreachableError(str(error)) from error
