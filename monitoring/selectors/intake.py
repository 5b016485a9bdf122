"""Sources of outside alerts, their messages, and the groups their alerts make."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, OuterRef, QuerySet, Subquery

from monitoring.models import (
    Alarm,
    AlarmOrigin,
    AlarmState,
    Alert,
    AlertSource,
    AlertSubject,
    InboundMessage,
    InboundVerdict,
    SnsTopic,
    TopicState,
)
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head, Page, keyset_page
from opsportal.platforms.models import Platform

SHOWN: Final = 50
LOUD_FOR: Final = timedelta(hours=24)
KINDS_OF: Final = {
    InboundVerdict.ACCEPTED: "ok",
    InboundVerdict.REPEAT: "ok",
    InboundVerdict.CONFIRMED: "ok",
    InboundVerdict.WAITING: "run",
    InboundVerdict.HELD: "warn",
    InboundVerdict.PAUSED: "off",
}


def verdict_kind(verdict: str) -> str:
    """The word of the state language."""
    return KINDS_OF.get(InboundVerdict(verdict), "fail")


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as a table shows it; `today` counts the verdicts of the last 24 hours."""

    source: AlertSource
    last_at: datetime | None
    last_verdict: str
    today: Counter[str]
    topics_waiting: int

    @property
    def received(self) -> int:
        return self.today.total()

    @property
    def refused(self) -> int:
        return self.today["refused"] + self.today["unreadable"] + self.today["failed"]

    @property
    def kind(self) -> str:
        """The word of the state language: a source that never sent anything is unknown, not fine."""
        if not self.source.enabled:
            return "off"
        return verdict_kind(self.last_verdict) if self.last_verdict else "unknown"


def source_rows(actor: Actor, platforms: QuerySet[Platform], *, at: datetime) -> list[SourceRow]:
    """Every source of these platforms."""
    newest = InboundMessage.objects.filter(source=OuterRef("pk")).order_by("-pk")
    rows: Any = AlertSource.objects.visible_to(actor).filter(platform__in=platforms).select_related("platform")
    rows = rows.annotate(
        last_at=Subquery(newest.values("received_at")[:1]), last_verdict=Subquery(newest.values("verdict")[:1])
    )
    sources = list(rows.order_by("platform__name", "name", "pk"))
    today: dict[int, Counter[str]] = {}
    lately = InboundMessage.objects.filter(source__in=sources, received_at__gte=at - LOUD_FOR)
    for source_id, verdict, count in lately.values_list("source_id", "verdict").annotate(n=Count("pk")).order_by():
        today.setdefault(source_id, Counter())[verdict] = count
    topics = SnsTopic.objects.filter(source__in=sources, state=TopicState.WAITING)
    waiting = dict(topics.values_list("source_id").annotate(n=Count("pk")).order_by())
    return [
        SourceRow(row, row.last_at, row.last_verdict or "", today.get(row.pk, Counter()), waiting.get(row.pk, 0))
        for row in sources
    ]


def message_page(
    actor: Actor,
    *,
    platform_ids: Collection[int],
    platform_id: int | None = None,
    source_id: int | None = None,
    verdict: str = "",
    cursor: str | None = None,
    size: int = SHOWN,
) -> Page[InboundMessage]:
    """Messages of these platforms, the newest first, without their bodies."""
    rows = InboundMessage.objects.visible_to(actor).filter(platform__in=platform_ids).of_platform(platform_id)
    rows = rows.filter(source=source_id) if source_id is not None else rows
    rows = rows.filter(verdict=verdict) if verdict in InboundVerdict.values else rows
    rows = rows.select_related("source", "platform", "replayed_by").defer("body", "headers")
    return keyset_page(rows, order=("-pk",), cursor=cursor, size=size)


def group_page(
    actor: Actor, *, platform_id: int | None = None, state: str = "", cursor: str | None = None, size: int = SHOWN
) -> Page[Alarm]:
    """Groups of outside alerts, the newest change first, with `subjects_count` and `alerts_count`."""
    rows: Any = Alarm.objects.visible_to(actor).of_platform(platform_id).filter(origin=AlarmOrigin.ALERT)
    rows = rows.filter(state=state) if state in AlarmState.values else rows
    subjects = AlertSubject.objects.filter(alarm=OuterRef("pk")).order_by().values("alarm")
    alerts = Alert.objects.filter(alarm=OuterRef("pk")).order_by().values("alarm")
    rows = rows.annotate(
        subjects_count=Subquery(subjects.annotate(n=Count("pk")).values("n")),
        alerts_count=Subquery(alerts.annotate(n=Count("pk")).values("n")),
    )
    rows = rows.select_related("platform", "service", "severity", "alert_source")
    return keyset_page(rows, order=("-since", "-pk"), cursor=cursor, size=size)


def subjects_of(alarm: Alarm, size: int = SHOWN) -> Head[AlertSubject]:
    """What a group is made of, firing first, the newest word first."""
    rows = list(alarm.subjects.order_by("-is_firing", "-last_at", "-pk")[:size])
    return Head(rows, alarm.subjects.count())


def alerts_of(alarm: Alarm, size: int = SHOWN) -> list[Alert]:
    """The last alerts of a group."""
    return list(alarm.alerts.order_by("-pk")[:size])


def topics_waiting(actor: Actor) -> QuerySet[SnsTopic]:
    """Topics that signed messages named and nobody decided on."""
    return SnsTopic.objects.visible_to(actor).filter(state=TopicState.WAITING)
