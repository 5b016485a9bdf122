"""The audit trail's routes, included by `reports.urls`."""

from django.urls import path

from opsportal.reports.audit import views

urlpatterns = [
    path("reports/audit/", views.audit_list, name="audit-list"),
    path("reports/audit.csv", views.audit_csv, name="audit-csv"),
]
