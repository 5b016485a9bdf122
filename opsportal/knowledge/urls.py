from django.urls import URLPattern, URLResolver, path

from opsportal.knowledge import run_views, runbook_views, views

app_name = "knowledge"
urlpatterns: list[URLPattern | URLResolver] = [
    path("decisions/", views.decision_list, name="decision-list"),
    path("decisions/new/", views.decision_new, name="decision-new"),
    path("decisions/<int:pk>/edit/", views.decision_edit, name="decision-edit"),
    path("decisions/<int:pk>/", views.decision_detail, name="decision-detail"),
    path("runbooks/", runbook_views.runbook_list, name="runbook-list"),
    path("runbooks/new/", runbook_views.runbook_new, name="runbook-new"),
    path("runbooks/runs/<int:pk>/", run_views.runbook_run, name="runbook-run"),
    path("runbooks/runs/<int:pk>/step/", run_views.step_act, name="runbook-step"),
    path("runbooks/runs/<int:pk>/take/", run_views.run_take, name="runbook-run-take"),
    path("runbooks/runs/<int:pk>/end/", run_views.run_end, name="runbook-run-end"),
    path("runbooks/<slug:platform>/<slug:slug>/", runbook_views.runbook_detail, name="runbook-detail"),
    path("runbooks/<slug:platform>/<slug:slug>/edit/", runbook_views.runbook_edit, name="runbook-edit"),
    path("runbooks/<slug:platform>/<slug:slug>/practice/", run_views.practice_start, name="runbook-practice"),
]
