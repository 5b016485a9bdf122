"""Routes of the checklist report."""

from django.urls import URLPattern, path

from opsportal.reports.checklists import views

urlpatterns: list[URLPattern] = [
    path("reports/checklists/", views.checklist_report, name="checklists"),
    path("reports/checklists.csv", views.checklist_csv, name="checklists-csv"),
    path("reports/checklists/rows/", views.checklist_rows, name="checklist-rows"),
]
