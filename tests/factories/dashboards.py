"""Dashboards with charts of made-up metrics."""

from collections.abc import Sequence
from typing import Any

from monitoring.models import Chart, Dashboard
from opsportal.platforms.models import Platform

UNREAD = Chart(title="Disk I/O", note="Nothing sends it.")


def dashboard_of(
    platform: Platform, *, owner_id: int | None = None, charts: Sequence[Chart] = (UNREAD,), **values: Any
) -> Dashboard:
    """Shared unless it has an owner."""
    return Dashboard.objects.create(
        platform=platform, owner_id=owner_id, charts=[chart._asdict() for chart in charts], **{"name": "Shop"} | values
    )
