"""Routes of the checklist report."""

from django.urls import URLPattern, path

from opsportal.reports import checklist_views

urlpatterns: list[URLPattern] = [
    path("reports/checklists/", checklist_views.checklist_report, name="checklists"),
    path("reports/checklists.csv", checklist_views.checklist_csv, name="checklists-csv"),
    path("reports/checklists/rows/", checklist_views.checklist_rows, name="checklist-rows"),
]
