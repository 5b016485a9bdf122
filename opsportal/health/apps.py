from importlib import import_module

from django.apps import AppConfig

from opsportal.core.shell import register_health, register_setting


class HealthConfig(AppConfig):
    name = "opsportal.health"
    label = "health"

    def ready(self) -> None:
        import_module("opsportal.health.loops")
        import_module("opsportal.health.checks")
        from opsportal.health.selectors import banner

        register_health(banner)
        register_setting(
            70,
            "Portal health",
            "Loops, parked messages, versions, what should never be.",
            "heart-pulse",
            "health:detail",
            "health.portal_view",
        )
