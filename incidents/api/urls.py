"""Routes of the incidents API."""

from django.urls import URLPattern, path

from incidents.api import views

app_name = "incidents-api"
urlpatterns: list[URLPattern] = [
    path("incidents/", views.IncidentListView.as_view(), name="list"),
    path("incidents/<int:number>/", views.IncidentDetailView.as_view(), name="detail"),
    path("incidents/<int:number>/timeline/", views.TimelineView.as_view(), name="timeline"),
]
