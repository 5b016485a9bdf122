"""How much of its logs a platform's questions may read in a month (M-MET-07): set by people, kept when one is asked."""

from datetime import datetime
from typing import Final

from django.db import transaction

from monitoring.models import LogCap
from monitoring.selectors.log_costs import log_month
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.formats import number
from opsportal.platforms.models import Platform

MOST_GB: Final = 1_000_000


@transaction.atomic
def log_cap_set(*, by: Actor, at: datetime, platform: Platform, expected: int, gb_a_month: int) -> LogCap:
    """Set the cap, in GB of 2³⁰ bytes; `expected` is 0 where the portal's default held. Raises VersionConflictError."""
    row, is_new = LogCap.objects.get_or_create(platform=platform, defaults={"gb_a_month": gb_a_month})
    if not is_new:
        row.update_versioned(expected=expected, gb_a_month=gb_a_month)
    record(
        by=by, at=at, verb="monitoring.log_cap.set", obj_kind="monitoring.logcap", obj_id=row.pk,
        platform_id=platform.pk, data={"gb_a_month": gb_a_month},
    )  # fmt: skip
    return row


def over_cap(platform: Platform, expected: int | None, *, at: datetime) -> str:
    """Why a question that would read so many bytes may not be put now; empty where it may.

    What nothing estimates may be asked while anything is left: it can go beyond the cap, and is the last one that does.
    """
    month = log_month(platform, at=at)
    if (expected or 1) <= month.left:
        return ""
    would = f" and this one would read about {number(expected, 'Bytes')}" if expected else ""
    return (
        f"The questions of {platform.name} have read {number(month.scanned, 'Bytes')} of the "
        f"{number(month.cap.bytes, 'Bytes')} they may in a month{would}. Nothing was asked: ask about less time, "
        "or have the cap raised under Log queries."
    )
