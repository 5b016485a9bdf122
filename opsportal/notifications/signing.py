"""How a webhook's receiver knows that a message is ours: HMAC-SHA-256 over time and body.

`Opsportal-Signature: t=<unix seconds>,v1=<hex>` where the hex is the HMAC of `<t>.<body>`; two `v1` while a secret is
being exchanged. A receiver compares one of them in constant time and refuses a `t` older than it likes.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from opsportal.accounts.secrets import cipher
from opsportal.notifications.models import Webhook

PURPOSE: Final = "webhook"


def new_secret() -> str:
    """256 bits, in the shape in which it is shown once."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def sealed(secret: str) -> bytes:
    """As it is stored."""
    return cipher(PURPOSE).encrypt(secret.encode())


def _hex(stored: bytes | memoryview, signed: bytes) -> str:
    return hmac.new(cipher(PURPOSE).decrypt(bytes(stored)), signed, hashlib.sha256).hexdigest()


def signature(webhook: Webhook, body: bytes, *, at: datetime) -> str:
    """The header's value for `body` sent `at` (real time)."""
    stamp = str(int(at.timestamp()))
    signed = f"{stamp}.".encode() + body
    found = [_hex(webhook.secret, signed)]
    if webhook.old_secret is not None and webhook.old_secret_until and at < webhook.old_secret_until:
        found.append(_hex(webhook.old_secret, signed))
    return ",".join([f"t={stamp}", *(f"v1={value}" for value in found)])
