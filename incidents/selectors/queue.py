"""The queue: mild open incidents and firing alarms that page nobody, by age and owner."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F, Q

from incidents.choices import StateChoice
from incidents.lifecycle import QUEUE_RANK
from incidents.models import Incident
from incidents.models.problem import ReportState, UserReport
from monitoring.models import Alarm, AlarmState
from monitoring.selectors.alarms import counted_alarms
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, Page, keyset_page

ALARMS_SHOWN = 50
OWNERS = (("", "Anybody's"), ("mine", "Mine"), ("nobody", "Nobody's"))


class QueuedIncident(NamedTuple):
    """An incident that waits."""

    pk: int
    number: int
    title: str
    rank: int
    label: str
    platform_key: str
    service_name: str | None
    owner_name: str | None
    declared_at: datetime
    version: int

    @property
    def url(self) -> str:
        return f"/incidents/{self.number}/"


_ROW = (
    "pk",
    "number",
    "title",
    "rank",
    "severity__label",
    "platform__key",
    "service__name",
    "commander__name",
    "declared_at",
    "version",
)


def queued_incidents(actor: Actor, *, platform_id: int | None = None, owner: str = "") -> Any:
    """Open ones of a mild rank that are not planned work."""
    rows = Incident.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.filter(state=StateChoice.OPEN, rank__gte=QUEUE_RANK, planned_for="")
    if owner == "mine":
        return rows.filter(commander_id=actor.user_id or 0)
    return rows.filter(commander__isnull=True) if owner == "nobody" else rows


def queue_page(actor: Actor, *, platform_id: int | None, owner: str, cursor: str | None, size: int = 50) -> Page[Any]:
    """The longest waiting first."""
    rows = queued_incidents(actor, platform_id=platform_id, owner=owner).values_list(*_ROW, named=True)
    page: Page[Any] = keyset_page(rows, order=("declared_at", "pk"), cursor=cursor, size=size)
    return Page([QueuedIncident(*row) for row in page.rows], page.next_cursor, page.previous_cursor)


def queued_alarms(actor: Actor, *, at: datetime, platform_id: int | None, owner: str) -> Head[Alarm]:
    """Firing alarms that page nobody and are not silenced, the longest firing first; one more counts as more."""
    firing: Any = counted_alarms(actor, at=at)
    rows = firing.of_platform(platform_id)
    rows = rows.filter(state=AlarmState.ALARM, is_silenced=False)
    rows = rows.filter(Q(severity__isnull=True) | Q(severity__pages=False))
    if owner == "mine":
        rows = rows.filter(owned__owner_id=actor.user_id or 0)
    elif owner == "nobody":
        rows = rows.filter(owned__isnull=True)
    rows = rows.annotate(owner_id=F("owned__owner_id"), owner_name=F("owned__owner__name")).select_related(
        "severity", "platform", "service"
    )
    found = list(rows.order_by("since", "pk")[: ALARMS_SHOWN + 1])
    return Head(found[:ALARMS_SHOWN], len(found))


def planned_page(actor: Actor, *, platform_id: int | None, cursor: str | None) -> Page[Incident]:
    """What became planned work, the newest first."""
    rows = Incident.objects.visible_to(actor).of_platform(platform_id).exclude(planned_for="")
    rows = rows.filter(state=StateChoice.OPEN).select_related("severity", "platform")
    return keyset_page(rows, order=("-number",), cursor=cursor, size=50)


def report_page(
    actor: Actor, *, platform_id: int | None, state: str, cursor: str | None, size: int = 50
) -> Page[UserReport]:
    """Users' reports: those that wait, the oldest first; settled ones, the newest first."""
    rows = UserReport.objects.visible_to(actor).of_platform(platform_id).select_related("platform", "service")
    if state == "settled":
        rows = rows.exclude(state=ReportState.WAITING)
        return keyset_page(rows, order=("-reported_at", "-pk"), cursor=cursor, size=size)
    rows = rows.filter(state=ReportState.WAITING)
    return keyset_page(rows, order=("reported_at", "pk"), cursor=cursor, size=size)
