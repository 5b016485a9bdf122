"""Secrets of senders that sign what they send, beside their link: made, kept encrypted, checked (GitHub, GitLab)."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from monitoring.intake.deployments import github, gitlab
from monitoring.intake.deployments.parsers import SIGNED
from monitoring.intake.sns import ForgedError
from monitoring.models import AlertSource, SourceKind
from opsportal.accounts.secrets import cipher, keyed_hash
from opsportal.core.clock import real_now

_PURPOSE: Final = "alert-source-secret"


def secret_new(kind: str, *, before: str = "") -> str:
    """A new secret, encrypted, with the one before it; nothing for a kind that does not sign."""
    if kind not in SIGNED:
        return ""
    kept = [secrets.token_urlsafe(32), *_decrypted(before)[:1]]
    return cipher(_PURPOSE).encrypt("\n".join(kept).encode()).decode()


def _decrypted(text: str) -> list[str]:
    return cipher(_PURPOSE).decrypt(text.encode()).decode().split("\n") if text else []


def secret_of(source: AlertSource) -> str:
    """What is typed into the sender, shown when the link is; nothing for a kind that does not sign."""
    return next(iter(_decrypted(source.secret)), "")


def token_print(token: str) -> str:
    """What the record keeps of a token that was sent: enough to know the right one, useless to anybody else."""
    return keyed_hash(_PURPOSE, token).hex()


def require_sender(source: AlertSource, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises ForgedError unless the message proves that its sender knows the secret, or for a day the one before."""
    valid = _decrypted(source.secret)
    if source.old_key_until is None or source.old_key_until <= real_now():
        valid = valid[:1]
    if source.kind == SourceKind.GITHUB:
        if not any(github.is_signed(body, headers, secret) for secret in valid):
            raise ForgedError("X-Hub-Signature-256 does not fit the message, or is missing.")
        return
    said = headers.get(gitlab.TOKEN, "")
    if not any(hmac.compare_digest(token_print(secret), said) for secret in valid):
        raise ForgedError("X-Gitlab-Token is not this source's secret, or is missing.")
