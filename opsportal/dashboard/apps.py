from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "opsportal.dashboard"
    label = "dashboard"

    def ready(self) -> None:
        from opsportal.core.shell import register_nav

        register_nav(10, "today", "Today", "sun", "dashboard:today", "dashboard.today_view")
