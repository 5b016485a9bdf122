"""Writing the audit trail."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import orjson
from django.db import connection

from opsportal.audit.models import PORTAL_CHAIN
from opsportal.core.actor import Actor

# Ids, codes, keys, times, hashes: what no person could have typed as prose, and no e-mail address.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.:/+\-#]{0,128}")
MAX_DATA_BYTES: Final = 8192


class AuditDataError(ValueError):
    """The payload holds free text, a name or too much: the trail keeps ids and hashes, so that people can be erased."""


def text_digest(text: str, *, salt: str) -> str:
    """What the trail keeps of a text: SHA-256 of salt and text, as hex. The salt is kept beside the text itself."""
    return hashlib.sha256(salt.encode() + text.encode()).hexdigest()


def _clean(value: object, path: str) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        if _TOKEN.fullmatch(value) is None:
            raise AuditDataError(f"{path}: {value[:40]!r} is free text; record its id, or its text_digest().")
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _clean(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, path) for item in value]
    raise AuditDataError(f"{path}: a {type(value).__name__} cannot be recorded.")


def record(
    *,
    by: Actor,
    at: datetime,
    verb: str,
    obj_kind: str,
    obj_id: int | str,
    platform_id: int | None,
    data: Mapping[str, object] | None = None,
) -> int:
    """Append one act to the platform's chain (None: the portal's) and return its sequence number there.

    Call it as the last statement of a service: it locks the chain's head until the transaction ends. `verb` is
    `app.noun.past_participle`; `data` holds ids, codes, figures and text_digest() values. Raises AuditDataError.
    """
    payload = orjson.dumps(_clean(data or {}, "data")).decode()
    if len(payload) > MAX_DATA_BYTES:
        raise AuditDataError(f"{verb}: the payload has {len(payload)} bytes; at most {MAX_DATA_BYTES}.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
            [
                PORTAL_CHAIN if platform_id is None else platform_id,
                at,
                verb,
                obj_kind,
                str(obj_id),
                by.kind,
                by.user_id,
                by.token_id,
                by.name if by.kind == "system" else "",
                (by.request_id or "")[:64],
                by.ip or "",
                payload,
            ],
        )
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])
