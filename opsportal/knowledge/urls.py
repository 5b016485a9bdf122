from django.urls import URLPattern, URLResolver, path

from opsportal.knowledge.views import decisions, runbooks, runs

app_name = "knowledge"
urlpatterns: list[URLPattern | URLResolver] = [
    path("decisions/", decisions.decision_list, name="decision-list"),
    path("decisions/new/", decisions.decision_new, name="decision-new"),
    path("decisions/<int:pk>/edit/", decisions.decision_edit, name="decision-edit"),
    path("decisions/<int:pk>/", decisions.decision_detail, name="decision-detail"),
    path("runbooks/", runbooks.runbook_list, name="runbook-list"),
    path("runbooks/new/", runbooks.runbook_new, name="runbook-new"),
    path("runbooks/runs/<int:pk>/", runs.runbook_run, name="runbook-run"),
    path("runbooks/runs/<int:pk>/step/", runs.step_action, name="runbook-step"),
    path("runbooks/runs/<int:pk>/take/", runs.run_take_over_action, name="runbook-run-take"),
    path("runbooks/runs/<int:pk>/end/", runs.run_finish_action, name="runbook-run-end"),
    path("runbooks/<slug:platform>/<slug:slug>/", runbooks.runbook_detail, name="runbook-detail"),
    path("runbooks/<slug:platform>/<slug:slug>/edit/", runbooks.runbook_edit, name="runbook-edit"),
    path("runbooks/<slug:platform>/<slug:slug>/practice/", runs.practice_start_action, name="runbook-practice"),
]
