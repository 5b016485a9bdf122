"""Reports: figures with their rows behind them."""

from django.urls import URLPattern, URLResolver, include, path

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("opsportal.reports.audit_urls")),
    path("", include("opsportal.reports.checklist_urls")),
    path("", include("opsportal.reports.incident_urls")),
    path("", include("opsportal.reports.period.urls")),
    path("", include("opsportal.reports.runbook_urls")),
    path("", include("opsportal.reports.slo_urls")),
]
