"""Health, for machines and for people."""

from django.urls import path

from opsportal.health import views

app_name = "health"
urlpatterns = [
    path("healthz", views.healthz, name="process"),
    path("healthz/deep", views.healthz_deep, name="deep"),
    path("metrics", views.metrics, name="metrics"),
    path("health/", views.detail, name="detail"),
    path("health/messages/<int:pk>/release/", views.message_release_action, name="message-release"),
]
