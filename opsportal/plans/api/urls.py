"""Routes of the plans API."""

from django.urls import URLPattern, path

from opsportal.plans.api import views

app_name = "plans-api"
urlpatterns: list[URLPattern] = [
    path("plans/", views.PlanListView.as_view(), name="plans"),
    path("plans/<int:pk>/", views.PlanView.as_view(), name="plan"),
]
