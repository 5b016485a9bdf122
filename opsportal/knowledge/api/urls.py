"""Routes of the runbooks API."""

from django.urls import URLPattern, path

from opsportal.knowledge.api import runbooks, runs

app_name = "knowledge-api"
urlpatterns: list[URLPattern] = [
    path("runbooks/", runbooks.RunbookListView.as_view(), name="runbooks"),
    path("runbooks/<slug:platform>/<slug:slug>/", runbooks.RunbookView.as_view(), name="runbook"),
    path("runbooks/<slug:platform>/<slug:slug>/practice/", runs.PracticeView.as_view(), name="practice"),
    path("runbook-runs/<int:pk>/", runs.RunView.as_view(), name="run"),
    path("runbook-runs/<int:pk>/steps/", runs.StepView.as_view(), name="step"),
    path("runbook-runs/<int:pk>/take-over/", runs.TakeOverView.as_view(), name="take-over"),
    path("runbook-runs/<int:pk>/finish/", runs.FinishView.as_view(), name="finish"),
]
