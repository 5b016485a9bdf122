"""The admin site is for looking only: writing there would bypass gate, version and audit."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists and shows rows; adds, changes and deletes nothing."""

    actions = None
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        # The route itself is gated by `core.admin_view`.
        return bool(getattr(request.user, "is_portal_admin", False))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)
