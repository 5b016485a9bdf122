from importlib import import_module

from django.apps import AppConfig


class ScheduleConfig(AppConfig):
    name = "opsportal.schedule"
    label = "schedule"

    def ready(self) -> None:
        import_module("opsportal.schedule.own_loops")
