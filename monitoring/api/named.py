"""Keys that name rows of a platform, as the API takes them."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from opsportal.platforms.models import Service, Severity


def rows_named(platform_id: int, said: Mapping[str, Any], **more: QuerySet[Any]) -> dict[str, Any]:
    """What was sent, with rows for the keys that name them; `severity` by its label. Raises ValidationError."""
    rows: dict[str, QuerySet[Any]] = {
        "service": Service.objects.filter(platform_id=platform_id),
        "severity": Severity.objects.filter(scheme__platform_id=platform_id, scheme__kind="alert"),
        **more,
    }
    values = dict(said)
    for name, found in rows.items():
        if values.get(name) is None:
            continue
        match = {"label" if name == "severity" else "key": values[name]}
        values[name] = found.filter(**match).first()
        if values[name] is None:
            raise ValidationError({name: f"The platform has no such {name}."})
    return values
