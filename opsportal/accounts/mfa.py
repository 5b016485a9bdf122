"""Second factors: secrets are encrypted at rest, and a one-time code counts once, whatever the cache says."""

from datetime import timedelta
from typing import Any, Final

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as allauth_forms
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import InvalidToken
from django import forms
from django.db import IntegrityError, transaction

from opsportal.accounts.models import UsedTotpCode, User
from opsportal.accounts.secrets import cipher, keyed_hash
from opsportal.core.clock import real_now

MAX_TRIES: Final = 10
_REPEATABLE_AFTER: Final = timedelta(minutes=5)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return cipher("mfa").encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return cipher("mfa").decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            # SECRET_KEY was changed: no code can match any more, and an admin resets the factor.
            return str(generate_totp_secret())


def claim_code(user: User, code: str) -> bool:
    """Take a one-time code; False when it was taken before, also by a parallel request."""
    # A code is valid for 90 s at most, and the same digits may come again later by chance.
    now = real_now()
    plain = "".join(filter(str.isalnum, code)).lower()
    UsedTotpCode.objects.filter(user=user, used_at__lt=now - _REPEATABLE_AFTER).delete()
    try:
        with transaction.atomic():
            UsedTotpCode.objects.create(user=user, code_hmac=keyed_hash("totp-code", plain), used_at=now)
    except IntegrityError:
        return False
    return True


def tries_of(user: User) -> int:
    """How many codes, right or wrong, were tried for this person of late; the database counts, not the cache."""
    return UsedTotpCode.objects.filter(user=user, used_at__gte=real_now() - _REPEATABLE_AFTER).count()


class _OneTimeMixin:
    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        if tries_of(self.user) >= MAX_TRIES:
            raise forms.ValidationError("Too many codes were tried. Wait five minutes.")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except forms.ValidationError:
            claim_code(self.user, str(self.cleaned_data.get("code", "")))  # a wrong code counts as a try
            raise
        if not claim_code(self.user, code):
            raise MfaAdapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(_OneTimeMixin, allauth_forms.AuthenticateForm):  # type: ignore[misc]
    """The second step of sign-in."""


class ReauthenticateForm(_OneTimeMixin, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """The factor shown again before a dangerous act."""
