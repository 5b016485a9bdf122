from django.apps import AppConfig
from django.conf import settings


class LocalConfig(AppConfig):
    name = "opsportal.local"
    label = "local"

    def ready(self) -> None:
        from opsportal.core.shell import register_nav

        if settings.DEMO:
            register_nav(95, "demo", "Demo panel", "flask-conical", "local:panel", "local.demo_view")
