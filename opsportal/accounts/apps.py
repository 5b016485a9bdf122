from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "opsportal.accounts"
    label = "accounts"

    def ready(self) -> None:
        from opsportal.accounts.selectors import last_change_of
        from opsportal.core.conflicts import register_last_change

        register_last_change(last_change_of)
        import_module("opsportal.accounts.loops")
        import_module("opsportal.accounts.api.authentication")  # tells drf-spectacular of the token
