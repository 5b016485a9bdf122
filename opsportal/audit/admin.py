"""Rows to look at; nothing is changed here, and nothing could be."""

from django.contrib import admin

from opsportal.audit.models import AuditCheckpoint, AuditEntry, AuditHead
from opsportal.core.admin import ReadOnlyAdmin

for model in (AuditEntry, AuditHead, AuditCheckpoint):
    admin.site.register(model, ReadOnlyAdmin)
