from django.apps import AppConfig

from opsportal.core import shell


class PacksConfig(AppConfig):
    name = "opsportal.packs"
    label = "packs"

    def ready(self) -> None:
        from incidents.registries.triage_choices import register_choice
        from opsportal.packs.triage import triage_choice

        register_choice(triage_choice)
        from incidents.selectors.figures import register_targets
        from opsportal.packs.selectors import declared_objects, figure_targets, policy_declared

        register_targets(figure_targets)
        from opsportal.platforms.declared import register_declared

        register_declared(declared_objects, policy_declared)
        shell.register_setting(
            60, "Packs", "A platform's policy as reviewed files: compare, apply, export.", "package", "packs:pack-list",
            "packs.pack_view",
        )  # fmt: skip
        shell.register_setting(
            65, "Policy", "What the guides decide: figures, targets, contradictions.", "scroll-text",
            "packs:policy", "packs.policy_view",
        )  # fmt: skip
