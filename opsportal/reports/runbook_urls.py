"""Routes of the coverage report of runbooks."""

from django.urls import URLPattern, path

from opsportal.reports import runbook_views

urlpatterns: list[URLPattern] = [
    path("reports/runbooks/", runbook_views.runbook_coverage, name="runbook-coverage"),
]
