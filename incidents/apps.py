"""The incidents room: life cycle, timeline, clocks, reviews, action items."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        from incidents import registrations

        registrations.register()
