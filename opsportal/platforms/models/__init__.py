"""A platform and what its policy is made of."""

from opsportal.platforms.models.directory import Contact, Link
from opsportal.platforms.models.platform import Environment, Membership, Platform, Role, Service
from opsportal.platforms.models.policy import (
    BusinessCalendar,
    PolicySource,
    SchemeKind,
    Severity,
    SeverityAlias,
    SeverityScheme,
)

__all__ = [
    "BusinessCalendar",
    "Contact",
    "Environment",
    "Link",
    "Membership",
    "Platform",
    "PolicySource",
    "Role",
    "SchemeKind",
    "Service",
    "Severity",
    "SeverityAlias",
    "SeverityScheme",
]
