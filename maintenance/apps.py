from django.apps import AppConfig


class MaintenanceConfig(AppConfig):
    name = "maintenance"

    def ready(self) -> None:
        from maintenance import loops, registrations, runbook_plans  # noqa: F401 - registering is their purpose
