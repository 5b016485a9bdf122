from django.contrib import admin

from opsportal.core.admin import ReadOnlyAdmin
from opsportal.platforms import models

for model in (
    models.BusinessCalendar,
    models.Contact,
    models.Environment,
    models.Link,
    models.Membership,
    models.Platform,
    models.Service,
    models.Severity,
    models.SeverityAlias,
    models.SeverityScheme,
):
    admin.site.register(model, ReadOnlyAdmin)
