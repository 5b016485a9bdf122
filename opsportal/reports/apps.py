from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "opsportal.reports"
    label = "reports"

    def ready(self) -> None:
        from opsportal.core.conflicts import register_last_change
        from opsportal.core.shell import register_nav
        from opsportal.notifications.transports import register_unsubscribe
        from opsportal.reports.audit.selectors import last_change
        from opsportal.reports.loops import mail_reports  # noqa: F401 - imported for what it registers
        from opsportal.reports.period.mail import KIND, unsubscribe_address

        register_last_change(last_change)
        register_unsubscribe(KIND, unsubscribe_address)
        register_nav(70, "reports", "Reports", "file-chart-column", "reports:checklists", "reports.checklist_view")
        register_nav(75, "audit", "Audit trail", "scroll-text", "reports:audit-list", "reports.audit_view")
