from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "opsportal.search"
    label = "search"
