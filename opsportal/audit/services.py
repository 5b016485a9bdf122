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


# The call as part of a statement that writes what is recorded: a row and its audit in one round trip. What stands for
# `{data}` is jsonb of that statement's own ids; of its values `record` alone takes a payload, and checks it.
APPEND_CALL: Final = (
    "audit_append(%(audit_chain)s, %(audit_at)s, %(audit_verb)s, %(audit_obj_kind)s, %(audit_obj_id)s,"
    " %(audit_actor_kind)s, %(audit_user)s, %(audit_token)s, %(audit_system)s, %(audit_request)s, %(audit_ip)s, {data})"
)


def append_values(
    *, by: Actor, at: datetime, verb: str, obj_kind: str, obj_id: int | str, platform_id: int | None
) -> dict[str, str | int | datetime | None]:
    """The values of APPEND_CALL."""
    return {
        "audit_chain": PORTAL_CHAIN if platform_id is None else platform_id,
        "audit_at": at,
        "audit_verb": verb,
        "audit_obj_kind": obj_kind,
        "audit_obj_id": str(obj_id),
        "audit_actor_kind": by.kind,
        "audit_user": by.user_id,
        "audit_token": by.token_id,
        "audit_system": by.name if by.kind == "system" else "",
        "audit_request": (by.request_id or "")[:64],
        "audit_ip": by.ip or "",
    }


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
    values = append_values(by=by, at=at, verb=verb, obj_kind=obj_kind, obj_id=obj_id, platform_id=platform_id)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_APPEND}", {**values, "audit_data": payload})
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


_APPEND: Final = APPEND_CALL.format(data="%(audit_data)s::jsonb")
