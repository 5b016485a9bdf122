"""What a rule would have done over the last 30 days: the stored points, judged by the same judge as live ones.

Minutes are kept for 15 days; before that a rule of 60 seconds is judged by 5-minute figures, and the answer says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from monitoring.evaluation import threshold_of
from monitoring.figures import (
    COUNTED,
    BoundTerm,
    HourlyBaseline,
    epochs,
    hourly_baseline,
    laid_out,
    moment,
    stored_figures,
)
from monitoring.models import AlarmRule, Measure
from monitoring.services.rules import stored_terms
from monitoring.slo.indicator import rule_terms
from monitoring.store import floor_to
from monitoring.thresholds import BASELINE_LEAST, State, Threshold, coarser, deviation, replay

SPAN: Final = timedelta(days=30)
MINUTES_KEPT: Final = timedelta(days=15)
LOOK_BACK: Final = timedelta(days=5)  # more than any window is long


class Stretch(NamedTuple):
    """A time in which the rule would have stood at one level; `worst` is the figure furthest out."""

    state: State
    starts_at: datetime
    ends_at: datetime
    worst: float | None

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True)
class Preview:
    """What would have been. `known` is the share of periods with a figure; `points` are the figures themselves."""

    starts_at: datetime
    ends_at: datetime
    stretches: Sequence[Stretch] = ()
    points: Sequence[tuple[int, float]] = field(default=(), repr=False)
    known: float = 0.0
    coarse_until: datetime | None = None
    refusal: str = ""
    series_id: int | None = None

    def of(self, state: State) -> list[Stretch]:
        return [stretch for stretch in self.stretches if stretch.state == state]

    def total(self, state: State) -> timedelta:
        """How long in all."""
        return sum((stretch.length for stretch in self.of(state)), timedelta())

    @property
    def fired(self) -> int:
        return len(self.of("alarm"))

    def thinned(self, pairs: int) -> list[tuple[datetime, float]]:
        """The lowest and the highest figure of each of at most `pairs` equal pieces, for drawing."""
        step = max(1, -(-len(self.points) // pairs))
        if step < 3:
            return [(moment(epoch), figure) for epoch, figure in self.points]
        found: list[tuple[datetime, float]] = []
        for index in range(0, len(self.points), step):
            piece = self.points[index : index + step]
            low, high = min(piece, key=lambda point: point[1]), max(piece, key=lambda point: point[1])
            # Evenly spaced, else the chart takes the longer of two steps for a hole.
            times = moment(piece[0][0]), moment((piece[0][0] + piece[-1][0]) // 2)
            found += [(at, figure) for at, (_, figure) in zip(times, sorted((low, high)), strict=True)]
        return found


class _Part(NamedTuple):
    """A row of periods of one length, with what is judged in each and what is shown of it.

    The first `lead` are only looked back at.
    """

    threshold: Threshold
    period: int
    periods: range
    scores: list[float | None]
    figures: list[float | None]

    @property
    def lead(self) -> int:
        return self.threshold.reach - 1

    @property
    def known(self) -> list[tuple[int, float]]:
        judged = zip(self.periods[self.lead :], self.figures[self.lead :], strict=True)
        return [(epoch, figure) for epoch, figure in judged if figure is not None]


def rule_preview(rule: AlarmRule, *, at: datetime) -> Preview:
    """Judge `rule` (saved or not) over the 30 days before `at`. At most five statements, whatever the rule."""
    end = floor_to(at, rule.period)
    start = end - SPAN
    terms = stored_terms(rule.platform, rule_terms(rule.indicator, stat=rule.stat))
    if not terms:
        return Preview(start, end, refusal="Nothing is stored of this metric yet: it is read from the next poll on.")
    usual = None
    if rule.measure != Measure.VALUE:
        usual = hourly_baseline(terms, period=rule.period, start=start - LOOK_BACK, end=end, at=at)
    parts = _parts(rule, terms, usual, start, end)
    points = [known for part in parts for known in part.known]
    refusal = "" if points else "No figure is stored of the last 30 days."
    if points and usual is not None and all(score is None for part in parts for score in part.scores):
        refusal = f"No hour has a baseline yet: it needs {BASELINE_LEAST} days."
    periods = sum(len(part.periods) - part.lead for part in parts)
    return Preview(
        starts_at=start,
        ends_at=end,
        stretches=() if refusal else _stretches(parts),
        points=points,
        known=len(points) / periods if periods else 0.0,
        coarse_until=moment(parts[0].periods.stop) if len(parts) > 1 else None,
        refusal=refusal,
        series_id=terms[0].series_id,
    )


def _parts(
    rule: AlarmRule, terms: Sequence[BoundTerm], usual: HourlyBaseline | None, start: datetime, end: datetime
) -> list[_Part]:
    threshold = threshold_of(rule)
    if rule.period > 60:
        return [_part(rule, threshold, terms, usual, rule.period, start, end)]
    # Whole hours: both lengths of period begin there.
    border = floor_to(end - MINUTES_KEPT, 3600) + timedelta(hours=3)
    factor = 300 // rule.period
    return [
        _part(rule, coarser(threshold, factor), terms, usual, 300, start, border),
        _part(rule, threshold, terms, usual, rule.period, border, end),
    ]


def _part(
    rule: AlarmRule,
    threshold: Threshold,
    terms: Sequence[BoundTerm],
    usual: HourlyBaseline | None,
    period: int,
    start: datetime,
    end: datetime,
) -> _Part:
    first = start - timedelta(seconds=period * (threshold.reach - 1))
    periods = epochs(first, end, period)
    figures = laid_out(stored_figures(terms, period=period, start=first, end=end), periods, terms[0])
    if period != rule.period and terms[0].role == "value" and terms[0].stat in COUNTED:
        # Five minutes' sum against a limit for one: its fifth is what a minute had.
        share = rule.period / period
        figures = [None if figure is None else figure * share for figure in figures]
    if usual is None:
        return _Part(threshold, period, periods, figures, figures)
    scores = [
        None if figure is None or (one := usual.at(epoch)) is None else deviation(figure, one, rule.measure)
        for epoch, figure in zip(periods, figures, strict=True)
    ]
    return _Part(threshold, period, periods, scores, figures)


def _stretches(parts: Sequence[_Part]) -> list[Stretch]:
    """Every time at one level but ok. A state holds from the end of the period that decided it."""
    found: list[Stretch] = []
    state: State = "unknown"
    since = parts[0].periods[parts[0].lead]
    for part in parts:
        for index, following in replay(part.threshold, part.scores, state, first=part.lead):
            until = part.periods[index] + part.period
            found.append(_stretch(parts, state, since, until))
            state, since = following, until
    found.append(_stretch(parts, state, since, parts[-1].periods.stop))
    return [stretch for stretch in found if stretch.state != "ok" and stretch.length]


def _stretch(parts: Sequence[_Part], state: State, since: int, until: int) -> Stretch:
    """The worst figure is looked for from the first period that counted on."""
    worst: tuple[float, float] | None = None
    for part in parts if state in ("warning", "alarm") else ():
        first = (since - part.period * part.threshold.window - part.periods.start) // part.period
        last = (until - part.periods.start) // part.period
        for score, figure in zip(
            part.scores[max(0, first) : max(0, last)], part.figures[max(0, first) : max(0, last)], strict=True
        ):
            if score is not None and figure is not None:
                out = _outside(part.threshold, score)
                worst = (out, figure) if worst is None or out > worst[0] else worst
    return Stretch(state, moment(since), moment(until), worst[1] if worst else None)


def _outside(threshold: Threshold, score: float) -> float:
    """How far beyond the nearer limit a score lies; negative inside."""
    sign = 1 if threshold.is_high else -1
    own = threshold.value if threshold.warning is None else threshold.warning
    other = threshold.opposite if threshold.opposite_warning is None else threshold.opposite_warning
    return max(sign * (score - own), sign * (other - score) if other is not None else -float("inf"))
