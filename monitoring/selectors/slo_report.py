"""The SLO report: one row per objective over a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitoring.models import Slo, SloVersion
from monitoring.selectors.slo_counts import Window, counts, slices
from monitoring.slo.budget import Budget, Count, Health, budget, forecast, health
from monitoring.slo.burn import SPANS, BurnState, burn_rate, burn_states, time_to_exhaustion
from monitoring.store import floor_to
from opsportal.core.actor import Actor

RECENT: Final = timedelta(days=1)
WORST_FIRST: Final = {"exhausted": 0, "at_risk": 1, "met": 2, "no_data": 3}


@dataclass(frozen=True, slots=True)
class Period:
    """What a report is about: [starts_at, ends_at), judged as of `at` (which may lie before the end)."""

    key: str
    name: str
    starts_at: datetime
    ends_at: datetime
    at: datetime

    @property
    def until(self) -> datetime:
        return min(self.ends_at, floor_to(self.at, 300))


@dataclass(frozen=True, slots=True)
class SloRow:
    """One line. Shares are of one; adjusted figures leave exclusions out, raw ones never do."""

    slo: Slo
    version: SloVersion
    count: Count
    raw: float | None
    adjusted: float | None
    budget: Budget
    burn_1h: float | None
    burns: list[BurnState]
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


def rolling(at: datetime, days: int = 30) -> Period:
    """The last so many days."""
    end = floor_to(at, 300)
    return Period(f"{days}d", f"{days} days to {end:%-d %B %Y}", end - timedelta(days=days), end, at)


def month(first: datetime, at: datetime) -> Period:
    """A calendar month in UTC; `first` is any instant in it."""
    start = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    return Period(f"{start:%Y-%m}", f"{start:%B %Y}", start, end, at)


def quarter(first: datetime, at: datetime) -> Period:
    """A calendar quarter in UTC."""
    start = first.replace(month=first.month - (first.month - 1) % 3, day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=95)).replace(day=1)
    return Period(
        f"{start:%Y}-q{(start.month + 2) // 3}", f"Quarter {(start.month + 2) // 3}, {start:%Y}", start, end, at
    )


def slos_of(actor: Actor, *, platform_id: int | None = None) -> list[Slo]:
    """The objectives an actor may see."""
    rows = Slo.objects.visible_to(actor).filter(enabled=True).select_related("platform", "service")
    rows = rows.of_platform(platform_id)
    return list(rows.order_by("platform__key", "key", "pk"))


def versions_at(slos: Sequence[Slo], at: datetime) -> dict[int, SloVersion]:
    """The promise that held at that time; the first one holds for everything before it too."""
    found: dict[int, SloVersion] = {}
    for version in SloVersion.objects.filter(slo__in=slos).order_by("slo_id", "number"):
        if version.slo_id not in found or version.effective_from <= at:
            found[version.slo_id] = version
    return found


def slo_rows(slos: Sequence[Slo], period: Period) -> list[SloRow]:
    """The report's rows, worst first. Two queries, whatever the number of objectives and days."""
    versions = versions_at(slos, period.until)
    known = [slo for slo in slos if slo.pk in versions]
    length = period.ends_at - period.starts_at
    windows: dict[str, Window] = {
        "period": (period.starts_at, period.until),
        "before": (period.starts_at - length, period.starts_at),
        "recent": (max(period.starts_at, period.until - RECENT), period.until),
    }
    windows |= {_span_name(span): (period.until - span, period.until) for span in SPANS}
    found = counts([slo.pk for slo in known], windows)
    rows = [_row(slo, versions[slo.pk], found, period) for slo in known]
    return sorted(rows, key=lambda row: (WORST_FIRST[row.health], row.budget.left or 0.0, row.slo.pk))


def _span_name(span: timedelta) -> str:
    return f"burn {int(span.total_seconds())}"


def _row(slo: Slo, version: SloVersion, found: Mapping[tuple[int, str], Count], period: Period) -> SloRow:
    objective = float(version.objective) / 100
    length = period.ends_at - period.starts_at
    count = found[slo.pk, "period"]
    adjusted = count.adjusted
    elapsed = (period.until - period.starts_at) / length
    state = budget(adjusted, objective=objective, window=length, elapsed=elapsed)
    burns = burn_states(lambda span: found[slo.pk, _span_name(span)].adjusted, objective=objective, window=length)
    hour = burn_rate(found[slo.pk, _span_name(timedelta(hours=1))].adjusted, objective=objective)
    day = burn_rate(found[slo.pk, "recent"].adjusted, objective=objective)
    firing = any(burn.firing and burn.rule.urgency == "page" for burn in burns)
    remaining = slices(period.until, period.ends_at)
    return SloRow(
        slo=slo,
        version=version,
        count=count,
        raw=count.attained,
        adjusted=adjusted.attained,
        budget=state,
        burn_1h=hour,
        burns=burns,
        forecast=forecast(adjusted, found[slo.pk, "recent"].adjusted, remaining_slices=remaining),
        coverage=count.coverage,
        before=found[slo.pk, "before"].adjusted.attained,
        health=health(state, burning=firing, coverage=count.coverage),
        exhausts_in=time_to_exhaustion(state.left, day, window=length),
    )
