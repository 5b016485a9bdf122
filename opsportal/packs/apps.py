from django.apps import AppConfig


class PacksConfig(AppConfig):
    name = "opsportal.packs"
    label = "packs"
