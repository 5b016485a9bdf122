from django.apps import AppConfig


class PlatformsConfig(AppConfig):
    name = "opsportal.platforms"
    label = "platforms"

    def ready(self) -> None:
        from opsportal.accounts.roles import register_role_loader
        from opsportal.core.shell import register_nav, register_platforms, register_setting
        from opsportal.platforms.selectors import choosable_platforms, roles_by_platform

        register_role_loader(roles_by_platform)
        register_platforms(choosable_platforms)
        register_nav(90, "settings", "Settings", "settings", "accounts:settings", "accounts.settings_view")
        register_setting(
            5,
            "First steps",
            "Second factor, platform, AWS, people: what a new portal needs.",
            "list-checks",
            "platforms:first-steps",
            "platforms.first_steps_view",
        )
        register_setting(
            10,
            "Platforms",
            "Environments, services, severities, calendars, contacts, links.",
            "layers",
            "platforms:list",
            "platforms.platform_view",
        )
        register_setting(
            20,
            "People",
            "Invite, roles, second factors, deactivate.",
            "users",
            "platforms:people",
            "accounts.person_view",
        )
