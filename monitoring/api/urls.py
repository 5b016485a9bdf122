"""Routes of monitoring's API."""

from django.urls import URLPattern, path

from monitoring.api import rules, views

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("alarms/", views.AlarmListView.as_view(), name="alarms"),
    path("alarms/<int:pk>/", views.AlarmDetailView.as_view(), name="alarm"),
    path("alarms/<int:pk>/transitions/", views.AlarmTransitionListView.as_view(), name="alarm-transitions"),
    path("alarm-rules/", rules.RuleListView.as_view(), name="alarm-rules"),
    path("alarm-rules/lint/", rules.RuleLintView.as_view(), name="alarm-rule-lint"),
    path("alarm-rules/preview/", rules.RulePreviewView.as_view(), name="alarm-rule-preview"),
    path("alarm-rules/<int:pk>/", rules.RuleDetailView.as_view(), name="alarm-rule"),
    path("series/", views.SeriesListView.as_view(), name="series"),
    path("series/<int:pk>/points/", views.SeriesPointsView.as_view(), name="series-points"),
    path("slos/", views.SloListView.as_view(), name="slos"),
]
