from django.contrib import admin

from opsportal.accounts.models import Invitation, User
from opsportal.core.admin import ReadOnlyAdmin


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("email", "name", "is_active", "is_portal_admin")
    exclude = ("password",)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "created_at", "expires_at", "accepted_at")
    exclude = ("token_hmac",)
