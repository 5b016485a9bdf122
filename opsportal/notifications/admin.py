"""Rows to look at; nothing is changed here."""

from django.contrib import admin

from opsportal.core.admin import ReadOnlyAdmin
from opsportal.notifications.models import Notice, OutboxMessage

admin.site.register(OutboxMessage, ReadOnlyAdmin)
admin.site.register(Notice, ReadOnlyAdmin)
