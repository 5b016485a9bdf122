"""Plans waiting for, and carrying, another person's word."""

from django.urls import path

from opsportal.plans import views

app_name = "plans"

urlpatterns = [
    path("plans/", views.plan_list, name="plans"),
    path("plans/<int:pk>/", views.plan_detail, name="plan"),
    path("plans/<int:pk>/decide/", views.plan_decide_action, name="plan-decide"),
    path("plans/<int:pk>/break-glass/", views.plan_break_glass_action, name="plan-break-glass"),
]
