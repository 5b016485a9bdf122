from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "opsportal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from opsportal.core.shell import register_setting

        register_setting(
            90, "API", "Every operation, with its schema.", "file-text", "accounts:api-docs", "core.api_docs"
        )
        import_module("opsportal.accounts.loops")
        import_module("opsportal.accounts.api.authentication")  # tells drf-spectacular of the token
