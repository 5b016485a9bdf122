"""Routes of the coverage report of runbooks."""

from django.urls import URLPattern, path

from opsportal.reports.runbooks import views

urlpatterns: list[URLPattern] = [
    path("reports/runbooks/", views.runbook_coverage, name="runbook-coverage"),
]
