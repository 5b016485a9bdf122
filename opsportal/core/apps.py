from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "opsportal.core"
    label = "core"

    def ready(self) -> None:
        from opsportal.core import logs

        logs.configure()
