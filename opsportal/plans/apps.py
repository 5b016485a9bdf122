from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "opsportal.plans"
    label = "plans"

    def ready(self) -> None:
        from opsportal.core.gate import register_predicate
        from opsportal.knowledge.runbooks.step_kinds import register_follow
        from opsportal.plans import loops, subjects  # noqa: F401 - registering is the purpose of the loops
        from opsportal.plans.selectors import plans_followed

        register_follow(plans_followed)
        register_predicate(
            "may_break_glass", subjects.may_break_glass, who="who asked for the plan and command its incident"
        )
