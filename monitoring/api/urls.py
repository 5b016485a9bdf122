"""Routes of monitoring's API."""

from django.urls import URLPattern, path

from monitoring.api import databases, deployments, heartbeats, intake, objectives, probes, rules, views

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("alarms/", views.AlarmListView.as_view(), name="alarms"),
    path("alarms/<int:pk>/", views.AlarmDetailView.as_view(), name="alarm"),
    path("alarms/<int:pk>/transitions/", views.AlarmTransitionListView.as_view(), name="alarm-transitions"),
    path("capacity/", views.CapacityView.as_view(), name="capacity"),
    path("costs/", views.CostView.as_view(), name="costs"),
    path("data-quality/", views.QualityView.as_view(), name="data-quality"),
    path("alarms/<int:pk>/alerts/", intake.AlarmAlertListView.as_view(), name="alarm-alerts"),
    path("alarms/<int:pk>/ratings/", intake.AlarmRatingView.as_view(), name="alarm-ratings"),
    path("alarms/<int:pk>/end/", intake.AlertGroupEndView.as_view(), name="alert-group-end"),
    path("alarm-weeks/", intake.AlarmWeekView.as_view(), name="alarm-weeks"),
    path("alert-groups/", intake.AlertGroupListView.as_view(), name="alert-groups"),
    path("alert-sources/", intake.AlertSourceListView.as_view(), name="alert-sources"),
    path("inbound-messages/", intake.InboundMessageListView.as_view(), name="inbound-messages"),
    path("inbound-messages/<int:pk>/", intake.InboundMessageView.as_view(), name="inbound-message"),
    path("inbound-messages/<int:pk>/replay/", intake.InboundReplayView.as_view(), name="inbound-replay"),
    path("alarm-rules/", rules.RuleListView.as_view(), name="alarm-rules"),
    path("alarm-rules/lint/", rules.RuleLintView.as_view(), name="alarm-rule-lint"),
    path("alarm-rules/preview/", rules.RulePreviewView.as_view(), name="alarm-rule-preview"),
    path("alarm-rules/<int:pk>/", rules.RuleDetailView.as_view(), name="alarm-rule"),
    path("databases/", databases.DatabaseListView.as_view(), name="databases"),
    path(
        "databases/<int:pk>/answers/<slug:question>/",
        databases.DatabaseAnswerListView.as_view(),
        name="database-answers",
    ),
    path("databases/<int:pk>/read/", databases.DatabaseReadView.as_view(), name="database-read"),
    path("rds-events/", databases.RdsEventListView.as_view(), name="rds-events"),
    path("resources/", databases.ResourceListView.as_view(), name="resources"),
    path("probes/", probes.ProbeListView.as_view(), name="probes"),
    path("probes/<int:pk>/", probes.ProbeView.as_view(), name="probe"),
    path("probes/<int:pk>/results/", probes.ProbeResultListView.as_view(), name="probe-results"),
    path("probes/<int:pk>/try/", probes.ProbeTryView.as_view(), name="probe-try"),
    path("deployments/", deployments.DeploymentListView.as_view(), name="deployments"),
    path("heartbeats/", heartbeats.HeartbeatListView.as_view(), name="heartbeats"),
    path("heartbeats/<int:pk>/", heartbeats.HeartbeatView.as_view(), name="heartbeat"),
    path("heartbeats/<int:pk>/beats/", heartbeats.BeatListView.as_view(), name="heartbeat-beats"),
    path("series/", views.SeriesListView.as_view(), name="series"),
    path("series/<int:pk>/points/", views.SeriesPointsView.as_view(), name="series-points"),
    path("slos/", views.SloListView.as_view(), name="slos"),
    path("slos/<int:pk>/versions/", objectives.SloVersionListView.as_view(), name="slo-versions"),
]
