"""Routes of the checklist report."""

from django.urls import URLPattern, path

from opsportal.reports import checklists

urlpatterns: list[URLPattern] = [
    path("reports/checklists/", checklists.checklist_report, name="checklists"),
    path("reports/checklists.csv", checklists.checklist_csv, name="checklists-csv"),
    path("reports/checklists/rows/", checklists.checklist_rows, name="checklist-rows"),
]
