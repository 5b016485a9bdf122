"""Which alarms are worth their noise: firings, pages and ratings of a week, or of any time (M-MET-13)."""

import re
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from django.db.models import Count, Q, QuerySet

from monitoring.models import Alarm, AlarmRating, AlarmState, AlarmTransition
from opsportal.core.actor import Actor
from opsportal.core.pagination import Head
from opsportal.knowledge.models import Runbook

SHOWN: Final = 100
BEGINS: Final = ~Q(from_state=AlarmState.ALARM)
PAGES: Final = Q(opens_incident=True, silenced=False, severity__pages=True)
_WEEK: Final = re.compile(r"([0-9]{4})-W([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Week:
    """A calendar week of a zone, [start, end), from Monday."""

    monday: date
    start: datetime
    end: datetime

    @property
    def key(self) -> str:
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02}"

    def other(self, weeks: int) -> str:
        """The key of a week before or after."""
        year, week, _ = (self.monday + timedelta(weeks=weeks)).isocalendar()
        return f"{year}-W{week:02}"


def week_of(text: str, *, at: datetime, zone: tzinfo) -> Week:
    """The week named `2026-W10`; the present one for anything else."""
    found = _WEEK.fullmatch(text)
    today = at.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    if found and 2000 <= int(found[1]) < 2100:
        with suppress(ValueError):  # a week that year does not have
            monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    start = datetime.combine(monday, time(0), zone)
    return Week(monday, start, datetime.combine(monday + timedelta(weeks=1), time(0), zone))


@dataclass(frozen=True, slots=True)
class Worth:
    """One alarm over a time. A page is a firing, or one going on worse or past a silence, that opens an incident of a
    level that pages, under no silence.
    """

    alarm: Alarm
    firings: int
    pages: int
    silenced: int
    rated: Counter[str]
    has_runbook: bool

    @property
    def unrated(self) -> int:
        return max(0, self.firings - self.rated.total())


def firings(
    actor: Actor, start: datetime, end: datetime, *, platform_id: int | None = None, service_id: int | None = None
) -> QuerySet[AlarmTransition]:
    """What fired in [start, end), on a platform or on one service."""
    rows = AlarmTransition.objects.visible_to(actor).of_platform(platform_id)
    rows = rows.filter(to_state=AlarmState.ALARM, at__gte=start, at__lt=end)
    return rows if service_id is None else rows.filter(service_id=service_id)


def worth_rows(actor: Actor, fired: QuerySet[AlarmTransition], *, size: int = SHOWN) -> Head[Worth]:
    """The alarms of these firings: the most pages first, then the noisiest, then what fired most."""
    counted: Any = (
        fired.order_by()
        .values("alarm_id")
        .annotate(
            firings=Count("pk", filter=BEGINS),
            pages=Count("pk", filter=PAGES),
            quiet=Count("pk", filter=Q(silenced=True)),
        )
    )
    ratings = AlarmRating.objects.filter(transition__in=fired)
    rated: dict[int, Counter[str]] = {}
    for alarm_id, word, n in ratings.values_list("transition__alarm_id", "word").annotate(n=Count("pk")).order_by():
        rated.setdefault(alarm_id, Counter())[word] = n
    rows = list(counted.order_by())
    noise = {alarm_id: words["noise"] for alarm_id, words in rated.items()}
    rows.sort(key=lambda row: (-row["pages"], -noise.get(row["alarm_id"], 0), -row["firings"], row["alarm_id"]))
    shown = rows[:size]
    alarms = Alarm.objects.select_related("rule", "platform", "service", "severity", "alert_source")
    found = alarms.in_bulk([row["alarm_id"] for row in shown])
    answered = _answered(actor, {alarm.platform_id for alarm in found.values()})
    return Head(
        [
            Worth(
                found[row["alarm_id"]], row["firings"], row["pages"], row["quiet"],
                rated.get(row["alarm_id"], Counter()), _key(found[row["alarm_id"]]) in answered,
            )
            for row in shown
        ],
        len(rows),
    )  # fmt: skip


def _key(alarm: Alarm) -> tuple[int, str]:
    """What a runbook names an alarm by: its rule, or what an outside group measures."""
    return alarm.platform_id, alarm.rule.key if alarm.rule else alarm.signal


def _answered(actor: Actor, platform_ids: Collection[int]) -> set[tuple[int, str]]:
    """What written runbooks are opened for."""
    rows = Runbook.objects.visible_to(actor).filter(platform_id__in=platform_ids, current__isnull=False)
    return {
        (platform, alarm)
        for platform, triggers in rows.values_list("platform_id", "triggers")
        for alarm in triggers.get("alarms", [])
    }


def own_ratings(actor: Actor, alarm: Alarm, transitions: list[AlarmTransition]) -> dict[int, str]:
    """What this person said of these firings, by transition."""
    mine = AlarmRating.objects.filter(transition__in=transitions, transition__alarm=alarm, user_id=actor.user_id or 0)
    return dict(mine.values_list("transition_id", "word"))
