from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "opsportal.live"
    label = "live"
