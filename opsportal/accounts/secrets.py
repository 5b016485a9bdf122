"""Keyed hashes and keys derived from SECRET_KEY; each purpose has its own."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet
from django.conf import settings


def derived_key(purpose: str) -> bytes:
    """32 bytes that only this installation can compute, different for each purpose."""
    return hmac.new(settings.SECRET_KEY.encode(), f"opsportal.{purpose}".encode(), hashlib.sha256).digest()


def keyed_hash(purpose: str, text: str) -> bytes:
    """HMAC-SHA-256 under the purpose's pepper: a stolen database alone cannot check guesses."""
    return hmac.new(derived_key(purpose), text.encode("utf-8", "replace"), hashlib.sha256).digest()


def cipher(purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derived_key(purpose)))
