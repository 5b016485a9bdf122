from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "opsportal.knowledge"
    label = "knowledge"
