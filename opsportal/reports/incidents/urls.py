"""Routes of the incident report."""

from django.urls import URLPattern, path

from opsportal.reports.incidents import views

urlpatterns: list[URLPattern] = [
    path("reports/incidents/", views.incident_report, name="incidents"),
    path("reports/incidents.csv", views.incident_csv, name="incidents-csv"),
    path("reports/incidents/rows/", views.incident_rows, name="incident-rows"),
    path("reports/incidents/changes/", views.change_rows, name="change-rows"),
]
