"""Reports: figures with their rows behind them."""

from django.urls import URLPattern, URLResolver, include, path

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("opsportal.reports.audit.urls")),
    path("", include("opsportal.reports.checklists.urls")),
    path("", include("opsportal.reports.incidents.urls")),
    path("", include("opsportal.reports.period.urls")),
    path("", include("opsportal.reports.runbooks.urls")),
    path("", include("opsportal.reports.slos.urls")),
]
