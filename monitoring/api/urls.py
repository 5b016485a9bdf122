"""Routes of monitoring's API."""

from django.urls import URLPattern, path

from monitoring.api import probes, views

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("alarms/", views.AlarmListView.as_view(), name="alarms"),
    path("alarms/<int:pk>/", views.AlarmDetailView.as_view(), name="alarm"),
    path("alarms/<int:pk>/transitions/", views.AlarmTransitionListView.as_view(), name="alarm-transitions"),
    path("probes/", probes.ProbeListView.as_view(), name="probes"),
    path("probes/<int:pk>/", probes.ProbeView.as_view(), name="probe"),
    path("probes/<int:pk>/results/", probes.ProbeResultListView.as_view(), name="probe-results"),
    path("probes/<int:pk>/try/", probes.ProbeTryView.as_view(), name="probe-try"),
    path("series/", views.SeriesListView.as_view(), name="series"),
    path("series/<int:pk>/points/", views.SeriesPointsView.as_view(), name="series-points"),
    path("slos/", views.SloListView.as_view(), name="slos"),
]
