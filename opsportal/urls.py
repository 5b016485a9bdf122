"""Every room's routes. URLs carry no platform; each route declares its action in code."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("opsportal.dashboard.urls")),
    path("", include("opsportal.core.urls")),
    path("", include("opsportal.health.urls")),
    path("", include("opsportal.accounts.urls")),
    path("", include("opsportal.platforms.urls")),
    path("", include("opsportal.notifications.urls")),
    path("", include("opsportal.knowledge.urls")),
    path("", include("opsportal.plans.urls")),
    path("", include("opsportal.packs.urls")),
    path("", include("opsportal.search.urls")),
    path("", include("opsportal.reports.urls")),
    path("", include("monitoring.urls")),
    path("", include("incidents.urls")),
    path("", include("maintenance.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("opsportal.api_urls")),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("opsportal.local.urls")))

handler400 = "opsportal.core.views.errors.bad_request"
handler403 = "opsportal.core.views.errors.permission_denied"
handler404 = "opsportal.core.views.errors.not_found"
handler500 = "opsportal.core.views.errors.server_error"
