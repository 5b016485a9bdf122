"""The first page."""

from django.urls import path

from opsportal.dashboard import views, wall

app_name = "dashboard"

urlpatterns = [
    path("", views.today, name="today"),
    path("wall/", wall.wall, name="wall"),
    path("wall/choose/", wall.wall_choose, name="wall-choose"),
]
