from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        from monitoring import loops, registrations
        from monitoring.evidence import alarms, backups, health

        assert loops
        assert alarms
        assert backups
        assert health
        registrations.register()
