from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "opsportal.plans"
    label = "plans"

    def ready(self) -> None:
        from opsportal.plans import loops  # noqa: F401 - registering is its purpose
