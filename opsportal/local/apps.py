from django.apps import AppConfig
from django.conf import settings


class LocalConfig(AppConfig):
    name = "opsportal.local"
    label = "local"

    def ready(self) -> None:
        from opsportal.core.shell import register_nav

        if settings.DEMO:
            register_nav(95, "demo", "Demo panel", "flask-conical", "local:panel", "local.demo_view")
        if settings.DEMO and settings.AWS_ENDPOINT_URL:
            from monitoring.intake.certificates import use_sns
            from opsportal.local.signing import simulated_answer, simulated_key

            use_sns(simulated_key, simulated_answer)
