"""People, their API tokens, and the single-use links that invite them."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models

from opsportal.core.models import VersionedModel


class Theme(models.TextChoices):
    SYSTEM = "system", "As the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class Density(models.TextChoices):
    COMPACT = "compact", "Compact"
    COMFORTABLE = "comfortable", "Comfortable"


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str, password: str | None = None, *, name: str = "", is_portal_admin: bool = False
    ) -> "User":
        user = self.model(
            email=self.normalize_email(email).lower(), name=name or email, is_portal_admin=is_portal_admin
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(VersionedModel, AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail. Rights come from memberships (platforms), never from Django's groups."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_portal_admin = models.BooleanField(default=False, help_text="May create platforms, people and AWS accounts.")
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.SYSTEM)
    zone = models.CharField(max_length=64, default="UTC")
    density = models.CharField(max_length=12, choices=Density, default=Density.COMPACT)
    shortcuts_enabled = models.BooleanField(default=True)
    last_today_at = models.DateTimeField(
        null=True, help_text="When Today was last looked at: half an hour later a new visit begins."
    )
    today_since = models.DateTimeField(null=True, help_text="When the visit before this one ended.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_staff(self) -> bool:
        """The read-only admin site is for portal administrators."""
        return self.is_portal_admin


class ApiToken(VersionedModel):
    """`ops_<id>_<secret>`, shown once; only the HMAC of the secret is kept. Expires within 365 days."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=80)
    secret_hmac = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=40))
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()


class Invitation(VersionedModel):
    """A single-use link that lets a person set name and password."""

    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    is_portal_admin = models.BooleanField(default=False)
    roles = models.JSONField(default=dict, help_text="platform id (as text) -> role, granted on acceptance")
    token_hmac = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)


class UserSession(models.Model):
    """One place where a person is signed in; ending it deletes Django's session of the same key."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    ip = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()


class UsedTotpCode(models.Model):
    """A one-time code that was tried; the unique pair makes it one-time also for two parallel sign-ins."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    code_hmac = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "code_hmac"], name="totp_code_once")]
