"""The platform itself and its environments."""

from datetime import datetime

from opsportal.core.actor import Actor
from opsportal.packs.kinds.base import Context, Data, Kind, pick, save
from opsportal.platforms.models import Environment, Platform


def _platform_shape(data: Data, context: Context) -> Data:
    del context
    return pick(data, name="", description="", guide="")


def _platform_load(platform: Platform) -> dict[str, Data]:
    own = {"name": platform.name, "description": platform.description, "guide": platform.guide_title}
    return {platform.key: own}


def _platform_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del key, by, at
    columns = {"name": data["name"], "description": data["description"], "guide_title": data["guide"]}
    save(platform, Platform, columns)


PLATFORM = Kind(name="platform", load=_platform_load, write=_platform_write, shape=_platform_shape)


def _environment_shape(data: Data, context: Context) -> Data:
    del context
    return pick(data, name="", zone="UTC", primary=False, note="")


def _environment_load(platform: Platform) -> dict[str, Data]:
    return {
        row.key: {"name": row.name, "zone": row.zone, "primary": row.is_production, "note": row.note}
        for row in platform.environments.order_by("pk")
    }


def _environment_write(platform: Platform, key: str, data: Data, *, by: Actor, at: datetime) -> None:
    del by, at
    columns = {"name": data["name"], "zone": data["zone"], "is_production": data["primary"], "note": data["note"]}
    row = Environment.objects.filter(platform=platform, key=key).first()
    save(row, lambda: Environment(platform=platform, key=key), columns)


ENVIRONMENT = Kind(name="environment", load=_environment_load, write=_environment_write, shape=_environment_shape)
