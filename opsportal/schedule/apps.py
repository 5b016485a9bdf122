from django.apps import AppConfig


class ScheduleConfig(AppConfig):
    name = "opsportal.schedule"
    label = "schedule"
