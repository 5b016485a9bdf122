"""Routes of the SLO report."""

from django.urls import URLPattern, path

from opsportal.reports.slos import views

urlpatterns: list[URLPattern] = [
    path("reports/slo/", views.slo_report, name="slo"),
    path("reports/slo.csv", views.slo_csv, name="slo-csv"),
]
