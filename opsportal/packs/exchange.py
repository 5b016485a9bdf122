"""A platform's objectives given out and taken in as OpenSLO v1, from a shell and by the API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from monitoring.models import Slo, SloVersion
from monitoring.selectors.slo_report import versions_at
from monitoring.services.binding import series_bind
from monitoring.services.objectives import slo_put
from opsportal.core.actor import Actor
from opsportal.packs.openslo import read, write
from opsportal.platforms.models import Platform, PolicySource


@dataclass(frozen=True, slots=True)
class Taken:
    """An objective as it is after an import: its newest version, and whether the import made it."""

    slo: Slo
    version: int
    is_new: bool


def objectives_text(platform: Platform, at: datetime) -> str:
    """The platform's objectives as they hold at that time; empty when it has none."""
    slos = list(Slo.objects.filter(platform=platform, enabled=True).select_related("service").order_by("key"))
    versions = versions_at(slos, at)
    return write([(slo, versions[slo.pk]) for slo in slos if slo.pk in versions])


@transaction.atomic
def objectives_take(*, by: Actor, at: datetime, platform: Platform, text: str, file: str) -> Sequence[Taken]:
    """Make what `text` declares so: new objectives, and for changed ones a new version from `at` on. Again: nothing.

    Whole or not at all. Raises PackError with every line that cannot be kept; `file` names the text in it.
    """
    services = {service.key: service for service in platform.services.all()}
    declared = read(text, file, services)
    Platform.objects.hold(platform.pk)
    newest = SloVersion.objects.filter(slo__platform=platform).values("slo_id").annotate(last=Max("number"))
    before = dict(newest.values_list("slo_id", "last"))
    slos = []
    for one in declared:
        values = one.values | {"service": services.get(one.service), "source": PolicySource.EDITED}
        slos.append(slo_put(by=by, at=at, platform=platform, key=one.key, values=values))
    series_bind(by=by, at=at, platform=platform)
    after = dict(newest.values_list("slo_id", "last"))
    return [Taken(slo, after[slo.pk], before.get(slo.pk) != after[slo.pk]) for slo in slos]
