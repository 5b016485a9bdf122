from django.apps import AppConfig

from opsportal.audit.sql import APPEND_SIGNATURE, VERIFY_SIGNATURE
from opsportal.core.freshness import register_version
from opsportal.core.roles import register_function


class AuditConfig(AppConfig):
    name = "opsportal.audit"
    label = "audit"

    def ready(self) -> None:
        register_version("audit_audithead", "chain", "seq")
        register_function(APPEND_SIGNATURE)
        register_function(VERIFY_SIGNATURE)
        register_function("audit_seal(audit_auditentry)")
