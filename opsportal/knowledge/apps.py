from django.apps import AppConfig

from opsportal.core import shell


class KnowledgeConfig(AppConfig):
    name = "opsportal.knowledge"
    label = "knowledge"

    def ready(self) -> None:
        shell.register_nav(80, "decisions", "Decisions", "scale", "knowledge:decision-list", "knowledge.decision_view")
