from django.apps import AppConfig


class PlatformsConfig(AppConfig):
    name = "opsportal.platforms"
    label = "platforms"
