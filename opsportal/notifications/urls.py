"""The bell."""

from django.urls import path

from opsportal.notifications import views

app_name = "notifications"
urlpatterns = [
    path("notices/", views.notice_list, name="notices"),
    path("notices/read/", views.notices_read, name="notices-read"),
    path("notices/<int:pk>/open/", views.notice_open, name="notice-open"),
]
