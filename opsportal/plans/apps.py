from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "opsportal.plans"
    label = "plans"
