"""`/api/v1/`: each room adds its `api/urls.py`."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("opsportal.accounts.api.urls")),
    path("", include("opsportal.platforms.api.urls")),
    path("", include("incidents.api.urls")),
    path("", include("maintenance.api.urls")),
    path("", include("monitoring.api.urls")),
    path("", include("opsportal.knowledge.api.urls")),
    path("", include("opsportal.plans.api.urls")),
    path("", include("opsportal.packs.api.urls")),
    path("", include("opsportal.reports.api.urls")),
]
