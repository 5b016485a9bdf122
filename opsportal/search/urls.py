"""Search."""

from django.urls import path

from opsportal.search import views

app_name = "search"

urlpatterns = [
    path("search/", views.palette, name="palette"),
]
