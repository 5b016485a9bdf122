"""Routes of the figures API."""

from django.urls import URLPattern, path

from opsportal.reports.api import figures

app_name = "reports-api"
urlpatterns: list[URLPattern] = [
    path("figures/incidents/", figures.IncidentFiguresView.as_view(), name="incident-figures"),
]
