"""The incident report: every figure with the cases it is made of, those left out, and the period before."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils.timezone import get_current_timezone

from incidents.choices import DetectionSource, IncidentType
from incidents.figures.measures import (
    SPANS,
    Case,
    Change,
    Figure,
    Rate,
    Share,
    Target,
    between,
    blamed,
    change_failures,
    deployment_frequency,
    figure,
    quantile,
    rollbacks,
)
from incidents.figures.periods import Period
from incidents.selectors.figures import MOST, cases, clock_shares, documented, incidents_in, targets_of
from monitoring.models import Deployment
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform, Severity

NAMES: Final[Mapping[str, str]] = {
    "mttd": "Time to detect (MTTD)",
    "mtta": "Time to acknowledge (MTTA)",
    "mitigate": "Time to mitigate",
    "mttr": "Time to recover (MTTR)",
    "mtbf": "Time between incidents (MTBF)",
    "change_failure": "Changes that failed",
    "rollback": "Changes rolled back",
    "clocks": "Clocks met",
    "reviews": "Reviews on time",
    "documented": "Incidents documented",
}
MEANS: Final[Mapping[str, str]] = {
    "mttd": "from the impact to the detection",
    "mtta": "from the detection to the acknowledgement",
    "mitigate": "from the impact to the mitigation",
    "mttr": "from the detection until users are served again: mitigated, or resolved where nothing was noted before",
    "mtbf": "between the beginnings of two incidents of one service",
    "change_failure": "deployments that failed, were rolled back, or that an incident followed within 60 min on that"
    " service (DORA's change failure rate); an incident is charged to the latest deployment before it",
    "rollback": "deployments that were rolled back",
    "clocks": "of clocks that were due in this time, without reviews",
    "reviews": "of review clocks that were due in this time",
    "documented": "incidents that are over with impact, cause and resolution written",
}
TIMES: Final = (*SPANS, "mtbf")
ROLLED_BACK: Final = ("rolled_back", "rollback")
FAILED: Final = "failed"  # ECS gave it up


@dataclass(frozen=True, slots=True)
class TimeRow:
    """A figure of lengths, now and in the period before."""

    key: str
    now: Figure
    before: Figure

    @property
    def name(self) -> str:
        return NAMES[self.key]

    @property
    def means(self) -> str:
        return MEANS[self.key]


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A figure of parts, now and in the period before."""

    key: str
    now: Share
    before: Share

    @property
    def name(self) -> str:
        return NAMES[self.key]

    @property
    def means(self) -> str:
        return MEANS[self.key]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Incidents that have something in common."""

    key: str
    label: str
    count: int
    recovered: timedelta | None
    n: int


@dataclass(frozen=True, slots=True)
class TargetRow:
    """What a guide asks, and what was reached."""

    target: Target
    platform_key: str
    severity: str
    reached: timedelta | float | None
    n: int

    @property
    def name(self) -> str:
        return NAMES[self.target.figure]

    @property
    def is_met(self) -> bool | None:
        return self.target.is_met(self.reached)


@dataclass(frozen=True, slots=True)
class Report:
    """All of it for one period."""

    times: Sequence[TimeRow]
    shares: Sequence[ShareRow]
    targets: Sequence[TargetRow]
    groups: Mapping[str, Sequence[GroupRow]]
    deployments: Rate
    deployments_before: Rate
    count: int
    count_before: int
    merged: int


def changes(actor: Actor, period: Period, platform_id: int | None) -> list[Change]:
    """The deployments that went out in the period."""
    rows = Deployment.objects.visible_to(actor).of_platform(platform_id).counted()
    rows = rows.filter(started_at__gte=period.since, started_at__lt=period.until).order_by("started_at", "pk")
    found = rows.values_list("pk", "platform_id", "service_id", "started_at", "state")
    return [
        Change(
            pk=pk,
            platform_id=platform,
            service_id=service,
            at=at,
            is_rolled_back=state in ROLLED_BACK,
            is_failed=state == FAILED,
        )
        for pk, platform, service, at, state in found
    ]


def lengths(key: str, found: Iterable[Case]) -> Figure:
    """One of TIMES over these cases."""
    return between(found) if key == "mtbf" else figure(key, found)


def _shares(
    actor: Actor, period: Period, platform_id: int | None, found: Sequence[Case], went_out: Sequence[Change]
) -> dict[str, Share]:
    clocks = clock_shares(actor, period, platform_id)
    return {
        "change_failure": change_failures(went_out, found),
        "rollback": rollbacks(went_out),
        "clocks": clocks[""],
        "reviews": clocks.get("review", Share(0, 0)),
        "documented": documented(actor, period, platform_id),
    }


def report(actor: Actor, period: Period, platform_id: int | None) -> Report:
    """Everything the page shows; figures agree with `rows_behind`."""
    found, earlier = cases(actor, period, platform_id), cases(actor, period.before, platform_id)
    times = [TimeRow(key, lengths(key, found), lengths(key, earlier)) for key in TIMES]
    went_out, went_before = changes(actor, period, platform_id), changes(actor, period.before, platform_id)
    shares = _shares(actor, period, platform_id, found, went_out)
    before = _shares(actor, period.before, platform_id, earlier, went_before)
    return Report(
        times=times,
        shares=[ShareRow(key, share, before[key]) for key, share in shares.items()],
        targets=_targets(actor, platform_id, found, went_out),
        groups=_groups(facts(actor, period, platform_id), figure("mttr", found)),
        deployments=deployment_frequency(went_out, period.since, period.until),
        deployments_before=deployment_frequency(went_before, period.before.since, period.before.until),
        count=len(found),
        count_before=len(earlier),
        merged=sum(case.is_merged for case in found),
    )


def _targets(
    actor: Actor, platform_id: int | None, found: Sequence[Case], went_out: Sequence[Change]
) -> list[TargetRow]:
    asked = targets_of(actor.platform_ids if platform_id is None else actor.platform_ids & {platform_id})
    if not asked:
        return []
    keys = dict(Platform.objects.filter(pk__in={one.platform_id for one in asked}).values_list("pk", "key"))
    ranks = Severity.objects.filter(scheme__platform_id__in=keys, scheme__kind="incident")
    labels = {(row.scheme.platform_id, row.rank): row.label for row in ranks.select_related("scheme")}
    rows = []
    for target in asked:
        own = [case for case in found if case.platform_id == target.platform_id]
        own = [case for case in own if target.rank in (None, case.rank)]
        reached: timedelta | float | None
        if target.figure in SPANS:
            made = figure(target.figure, own)
            reached, n = made.median, made.n
        else:
            theirs = [change for change in went_out if change.platform_id == target.platform_id]
            share = rollbacks(theirs) if target.figure == "rollback" else change_failures(theirs, own)
            reached, n = share.value, share.whole
        severity = labels.get((target.platform_id, target.rank), "") if target.rank is not None else ""
        rows.append(TargetRow(target, keys[target.platform_id], severity, reached, n))
    return rows


Facts = Mapping[str, str]
# What incidents are grouped by, and the panel's title.
GROUPS: Final[Mapping[str, str]] = {
    "service": "Service",
    "severity": "Severity",
    "hour": "Hour of the day",
    "type": "Type",
    "found": "Found by",
    "cause": "Cause",
}
CAUSES: Final = {"written": "written down", "open": "not written yet"}


def facts(actor: Actor, period: Period, platform_id: int | None) -> dict[int, Facts]:
    """By incident, the key it has in each of GROUPS; `service_name` and `severity_name` are for people. One query.

    Severities are grouped by rank: platforms name one level differently, and two levels alike.
    """
    rows = incidents_in(actor, period, platform_id).annotate(has_cause=~Q(cause=""))
    found = rows.order_by("-declared_at", "-number").values_list(
        "number", "service_id", "service__name", "platform__key", "rank", "severity__label", "impact_started_at",
        "type", "detection_source", "has_cause",
    )[:MOST]  # fmt: skip
    zone = get_current_timezone()
    return {
        number: {
            "service": str(service or ""),
            "service_name": f"{service_name} ({platform})" if service else "no service named",
            "severity": str(rank),
            "severity_name": severity,
            "hour": str(began.astimezone(zone).hour),
            "type": kind,
            "found": source,
            "cause": "written" if has_cause else "open",
        }
        for number, service, service_name, platform, rank, severity, began, kind, source, has_cause in found
    }


def label_of(name: str, members: Iterable[Facts]) -> str:
    """The words for the key that these incidents share."""
    rows = list(members)
    one, key = rows[0], rows[0][name]
    words: Mapping[str, Callable[[], str]] = {
        "service": lambda: one["service_name"],
        "severity": lambda: ", ".join(sorted({row["severity_name"] for row in rows})),
        "hour": lambda: f"{int(key):02d}:00 to {(int(key) + 1) % 24:02d}:00",
        "type": lambda: IncidentType(key).label,
        "found": lambda: DetectionSource(key).label,
        "cause": lambda: CAUSES[key],
    }
    return words[name]() if name in words else key


def _groups(known: Mapping[int, Facts], recovered: Figure) -> dict[str, list[GroupRow]]:
    by_number = {value.number: value.length for value in recovered.values}
    groups = {}
    for name in GROUPS:
        members: dict[str, list[int]] = {}
        for number, one in known.items():
            members.setdefault(one[name], []).append(number)
        rows = []
        for key, numbers in members.items():
            lasted = [by_number[number] for number in numbers if number in by_number]
            label = label_of(name, (known[number] for number in numbers))
            rows.append(GroupRow(key, label, len(numbers), quantile(lasted, 0.5), len(lasted)))
        groups[name] = sorted(rows, key=_by_hour if name == "hour" else _by_count)
    return groups


def _by_hour(row: GroupRow) -> tuple[int, str]:
    return int(row.key), ""


def _by_count(row: GroupRow) -> tuple[int, str]:
    return -row.count, row.label


def failed_changes(actor: Actor, period: Period, platform_id: int | None) -> dict[int, list[int]]:
    """By deployment, the incidents that followed it within the time."""
    return blamed(changes(actor, period, platform_id), cases(actor, period, platform_id))
