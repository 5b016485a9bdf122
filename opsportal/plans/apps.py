from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "opsportal.plans"
    label = "plans"

    def ready(self) -> None:
        from opsportal.core.gate import register_predicate
        from opsportal.plans import loops, subjects  # noqa: F401 - registering is the purpose of the loops

        register_predicate("may_break_glass", subjects.may_break_glass)
