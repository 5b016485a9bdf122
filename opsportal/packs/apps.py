from django.apps import AppConfig

from opsportal.core import shell


class PacksConfig(AppConfig):
    name = "opsportal.packs"
    label = "packs"

    def ready(self) -> None:
        shell.register_setting(
            60, "Packs", "A platform's policy as reviewed files: compare, apply, export.", "package", "packs:pack-list",
            "packs.pack_view",
        )  # fmt: skip
        shell.register_setting(
            65, "Policy", "What the guides decide: figures, targets, contradictions.", "scroll-text",
            "packs:policy", "packs.policy_view",
        )  # fmt: skip
