"""Routes of the SLO report."""

from django.urls import URLPattern, path

from opsportal.reports import slo_views

urlpatterns: list[URLPattern] = [
    path("reports/slo/", slo_views.slo_report, name="slo"),
    path("reports/slo.csv", slo_views.slo_csv, name="slo-csv"),
]
