from importlib import import_module

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "opsportal.notifications"
    label = "notifications"

    def ready(self) -> None:
        from opsportal.core.shell import register_setting

        import_module("opsportal.notifications.loops")
        register_setting(
            60,
            "Webhooks",
            "Programs that are told when something happens.",
            "megaphone",
            "notifications:webhooks",
            "notifications.webhook_view",
        )
