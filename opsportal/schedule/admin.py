"""Rows to look at; nothing is changed here."""

from django.contrib import admin

from opsportal.core.admin import ReadOnlyAdmin
from opsportal.schedule.models import LoopPulse, Run, Schedule

for model in (Schedule, Run, LoopPulse):
    admin.site.register(model, ReadOnlyAdmin)
