"""Keys of secret links: made, known again, changed."""

import re
import secrets
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from monitoring.models.links import SecretLink
from opsportal.accounts.secrets import keyed_hash
from opsportal.core.clock import real_now

PURPOSE: Final = "alert-source"
BOTH_WORK_FOR: Final = timedelta(hours=24)
KEY_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def key_new() -> tuple[str, bytes]:
    """A key, which cannot be shown again, and what the database knows it by."""
    key = secrets.token_urlsafe(32)
    return key, keyed_hash(PURPOSE, key)


def key_hash(key: str) -> bytes | None:
    """What the database knows a link's key by; None when it cannot be one."""
    return keyed_hash(PURPOSE, key) if KEY_SHAPE.fullmatch(key) else None


def key_changed(row: SecretLink) -> tuple[str, dict[str, Any]]:
    """A new key and the columns that bring it; the link before it goes on working for a day."""
    key, hashed = key_new()
    return key, {
        "key_hash": hashed,
        "old_key_hash": bytes(row.key_hash),
        "old_key_until": real_now() + BOTH_WORK_FOR,
    }


def address_of(route: str, *parts: str) -> str:
    """The whole address of a link, as a sender needs it."""
    return f"{settings.PUBLIC_URL}{reverse(route, args=parts)}"
