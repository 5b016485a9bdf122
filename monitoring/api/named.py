"""The platform that a request names by its key, and rows of it."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from monitoring.models import TargetDatabase
from opsportal.core.actor import Actor
from opsportal.core.api import UnprocessableError
from opsportal.core.gate import HiddenError
from opsportal.platforms.models import Platform, SchemeKind, Service, Severity
from opsportal.platforms.selectors import platform_for


def platform_named(action: str, actor: Actor, said: dict[str, Any]) -> Platform:
    """Take the platform out of what was sent, for `action`. Raises ValidationError, DeniedError."""
    try:
        return platform_for(action, actor, said.pop("platform"))
    except HiddenError as error:
        raise ValidationError({"platform": "There is no such platform, or it is not for you."}) from error


def with_rows(platform: Platform, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, with the row in the place of each service, database and alert severity that it names.

    Raises UnprocessableError.
    """
    rows = {
        "service": Service.objects.filter(platform=platform),
        "database": TargetDatabase.objects.filter(platform=platform),
        "severity": Severity.objects.filter(scheme__platform=platform, scheme__kind=SchemeKind.ALERT).select_related(
            "scheme"
        ),
    }
    values = dict(said)
    for name in rows.keys() & {name for name, value in said.items() if value is not None}:
        by = "label" if name == "severity" else "key"
        values[name] = rows[name].filter(**{by: said[name]}).first()
        if values[name] is None:
            raise UnprocessableError(f"{platform.key} has no {name} {said[name]}. Nothing was stored.")
    return values
