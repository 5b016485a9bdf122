"""Whose day it is: a platform's days are counted where its first environment lives, whoever looks from wherever."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, F, Func, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from opsportal.platforms.models import Environment


def zone_of(platform_id: int) -> ZoneInfo:
    """The zone of the platform's days."""
    zone = Environment.objects.filter(platform_id=platform_id).order_by("pk").values_list("zone", flat=True).first()
    return ZoneInfo(zone or "UTC")


def today_of(platform_id: int, at: datetime) -> date:
    """The day it is on the platform."""
    return at.astimezone(zone_of(platform_id)).date()


def last_day_over(platform_id: int, at: datetime) -> date:
    """The last day that is over on the platform at this instant: what is due that day is done in time."""
    return today_of(platform_id, at) - timedelta(days=1)


def day_end(day: str, platform: str = "platform_id") -> Func:
    """The instant the day in column `day` is over on the platform in column `platform`."""
    first = Environment.objects.filter(platform_id=OuterRef(platform)).order_by("pk").values("zone")[:1]
    return Func(
        Coalesce(Subquery(first), Value("UTC")),
        F(day),
        template="timezone(%(expressions)s + interval '1 day')",
        output_field=DateTimeField(null=True),
    )
