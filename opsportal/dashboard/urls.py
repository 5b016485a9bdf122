"""The first page."""

from django.urls import path

from opsportal.dashboard import views

app_name = "dashboard"

urlpatterns = [
    path("", views.today, name="today"),
]
