"""The audit trail's routes, included by `reports.urls`."""

from django.urls import path

from opsportal.reports import audit_views

urlpatterns = [
    path("reports/audit/", audit_views.audit_list, name="audit-list"),
    path("reports/audit.csv", audit_views.audit_csv, name="audit-csv"),
]
