"""The SLO report: one row per objective over a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from monitoring.models import Slo, SloVersion
from monitoring.selectors.slo_counts import Window, counts, newest_counted, slices
from monitoring.slo.budget import Budget, Count, Health, Part, budget, forecast, health
from monitoring.slo.burn import (
    MIN_EVENTS,
    MIN_SLICES,
    SPANS,
    BurnState,
    burn_rate,
    burn_states,
    time_to_exhaustion,
)
from monitoring.slo.periods import Period, held, window
from opsportal.core.actor import Actor

RECENT: Final = timedelta(days=1)
WORST_FIRST: Final = {"exhausted": 0, "at_risk": 1, "no_data": 2, "met": 3}


@dataclass(frozen=True, slots=True)
class SloRow:
    """One line. Shares are of one; adjusted figures leave exclusions out, raw ones never do."""

    slo: Slo
    version: SloVersion
    versions: list[SloVersion]
    count: Count
    raw: float | None
    adjusted: float | None
    budget: Budget
    burn_1h: float | None
    burns: list[BurnState]
    judged_at: datetime
    forecast: float | None
    coverage: float | None
    before: float | None
    health: Health
    exhausts_in: timedelta | None

    @property
    def objective(self) -> float:
        return float(self.version.objective) / 100

    @property
    def is_paging(self) -> bool:
        return any(state.firing and state.rule.urgency == "page" for state in self.burns)


def slos_of(actor: Actor, *, platform_id: int | None = None) -> list[Slo]:
    """The objectives an actor may see."""
    rows = Slo.objects.visible_to(actor).filter(enabled=True).select_related("platform", "service")
    rows = rows.of_platform(platform_id)
    return list(rows.order_by("platform__key", "key", "pk"))


def versions_of(slos: Sequence[Slo]) -> dict[int, list[tuple[datetime, SloVersion]]]:
    """Every promise of these objectives with the instant it holds from, in order of time."""
    found: dict[int, list[tuple[datetime, SloVersion]]] = {}
    for version in SloVersion.objects.filter(slo__in=slos).order_by("slo_id", "effective_from", "number"):
        found.setdefault(version.slo_id, []).append((version.effective_from, version))
    return found


def versions_at(slos: Sequence[Slo], at: datetime) -> dict[int, SloVersion]:
    """The promise that held at that time; the first one holds for everything before it too."""
    return {
        pk: held(dated, at, at + timedelta(microseconds=1))[0][0] for pk, dated in versions_of(slos).items() if dated
    }


def window_at(version: SloVersion, at: datetime) -> Period:
    """The budget's own window as it stands."""
    return window(version.window_kind, days=version.window_days, zone=ZoneInfo(version.zone), at=at)


def slo_rows(slos: Sequence[Slo], period: Period) -> list[SloRow]:
    """The report's rows, worst first. Three queries, whatever the number of objectives and days."""
    dated = versions_of(slos)
    known = [slo for slo in slos if slo.pk in dated]
    anchors = newest_counted([slo.pk for slo in known], period.until)
    promised = {slo.pk: held(dated[slo.pk], period.starts_at, period.ends_at) for slo in known}
    windows: dict[tuple[int, str], Window] = {}
    for slo in known:
        for n, (_, since, until) in enumerate(promised[slo.pk]):
            windows[slo.pk, _part_name(n)] = (min(since, period.until), min(until, period.until))
        windows[slo.pk, "before"] = period.before
        windows[slo.pk, "recent"] = (max(period.starts_at, period.until - RECENT), period.until)
        anchor = anchors[slo.pk]
        windows |= {(slo.pk, span_name(span)): (anchor - span, anchor) for span in SPANS}
    found = counts(windows)
    rows = [_row(slo, promised[slo.pk], found, period, anchors[slo.pk]) for slo in known]
    return sorted(rows, key=lambda row: (WORST_FIRST[row.health], row.budget.left or 0.0, row.slo.pk))


def _part_name(n: int) -> str:
    return f"part {n}"


def span_name(span: timedelta) -> str:
    """The name of a burn rate's window among those counted."""
    return f"burn {int(span.total_seconds())}"


def burns_of(
    slo: Slo, version: SloVersion, found: Mapping[tuple[int, str], Count], anchor: datetime
) -> list[BurnState]:
    """Every burn rule of an objective, judged at its newest counted slice by its own window."""
    return burn_states(
        lambda span: found[slo.pk, span_name(span)].adjusted,
        objective=float(version.objective) / 100,
        window=window_at(version, anchor).length,
        least=MIN_SLICES if version.indicator.get("method") == "timeslices" else MIN_EVENTS,
    )


def _row(
    slo: Slo,
    promised: Sequence[tuple[SloVersion, datetime, datetime]],
    found: Mapping[tuple[int, str], Count],
    period: Period,
    anchor: datetime,
) -> SloRow:
    parts = [
        Part(found[slo.pk, _part_name(n)], float(version.objective) / 100, until - since)
        for n, (version, since, until) in enumerate(promised)
    ]
    count = sum((part.count for part in parts), Count())
    version = next(one for one, since, _ in reversed(promised) if since < period.until or len(promised) == 1)
    objective = float(version.objective) / 100
    elapsed = (period.until - period.starts_at) / period.length
    adjusted = count.adjusted
    state = budget([replace(part, count=part.count.adjusted) for part in parts], elapsed=elapsed)
    burns = burns_of(slo, version, found, anchor)
    day = burn_rate(found[slo.pk, "recent"].adjusted, objective=objective)
    firing = any(burn.firing and burn.rule.urgency == "page" for burn in burns)
    return SloRow(
        slo=slo,
        version=version,
        versions=[one for one, since, _ in promised if since < period.until],
        count=count,
        raw=count.attained,
        adjusted=adjusted.attained,
        budget=state,
        burn_1h=burn_rate(found[slo.pk, span_name(timedelta(hours=1))].adjusted, objective=objective),
        burns=burns,
        judged_at=anchor,
        forecast=forecast(
            adjusted, found[slo.pk, "recent"].adjusted, remaining_slices=slices(period.until, period.ends_at)
        ),
        coverage=count.coverage,
        before=found[slo.pk, "before"].adjusted.attained,
        health=health(state, burning=firing, coverage=count.coverage),
        exhausts_in=time_to_exhaustion(state.left, day, window=period.length),
    )
