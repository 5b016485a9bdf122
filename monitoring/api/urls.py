"""Routes of monitoring's API."""

from django.urls import URLPattern, path

from monitoring.api import views

app_name = "monitoring-api"
urlpatterns: list[URLPattern] = [
    path("alarms/", views.AlarmListView.as_view(), name="alarms"),
    path("alarms/<int:pk>/", views.AlarmDetailView.as_view(), name="alarm"),
    path("alarms/<int:pk>/transitions/", views.AlarmTransitionListView.as_view(), name="alarm-transitions"),
    path("capacity/", views.CapacityView.as_view(), name="capacity"),
    path("costs/", views.CostView.as_view(), name="costs"),
    path("data-quality/", views.QualityView.as_view(), name="data-quality"),
    path("series/", views.SeriesListView.as_view(), name="series"),
    path("series/<int:pk>/points/", views.SeriesPointsView.as_view(), name="series-points"),
    path("slos/", views.SloListView.as_view(), name="slos"),
]
