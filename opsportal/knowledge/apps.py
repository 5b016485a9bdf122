from django.apps import AppConfig

from opsportal.core import shell


class KnowledgeConfig(AppConfig):
    name = "opsportal.knowledge"
    label = "knowledge"

    def ready(self) -> None:
        from opsportal.knowledge.runbooks import http_step
        from opsportal.knowledge.runbooks.step_kinds import register_step
        from opsportal.knowledge.runbooks.text import StepKind

        register_step(StepKind.HTTP, ask=http_step.ask, problem=http_step.problem)
        shell.register_nav(70, "runbooks", "Runbooks", "book-open", "knowledge:runbook-list", "knowledge.runbook_view")
        shell.register_nav(80, "decisions", "Decisions", "scale", "knowledge:decision-list", "knowledge.decision_view")
