"""Routes of the incident report."""

from django.urls import URLPattern, path

from opsportal.reports import incident_views

urlpatterns: list[URLPattern] = [
    path("reports/incidents/", incident_views.incident_report, name="incidents"),
    path("reports/incidents.csv", incident_views.incident_csv, name="incidents-csv"),
    path("reports/incidents/rows/", incident_views.incident_rows, name="incident-rows"),
    path("reports/incidents/changes/", incident_views.change_rows, name="change-rows"),
]
