"""AWS gone or lying: grey in two intervals, one alarm in three, nothing flaps on return, the figures become true."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from opsportal.local.aws.control import Control
from opsportal.local.aws.trouble import TROUBLES
from opsportal.local.terminal import say, table
from tests.faults.outage import Person
from tests.faults.outage import Report as PagesReport
from tests.faults.replay import cloudwatch
from tests.faults.trial import Trial, TrialError

RATE: Final = 2.0
INTERVAL: Final = timedelta(seconds=60)  # of the series that objectives and alarms read
# What takes the whole view away; the others only slow it down or thin it out.
BLINDING: Final = frozenset({"throttled", "denied", "hole", "half-paged", "clock"})
HOLDS: Final = timedelta(minutes=7)  # how long the others last
MOST_INTERVALS: Final = 3.0
LOOKS_EVERY: Final = 15.0  # real seconds between two looks of the loop that says it is blind
SLACK: Final = 20.0  # real seconds that the loop grants a faster clock (monitoring.loops.watch)
HEALS_IN: Final = 60.0  # real seconds
BLIND: Final = "SELECT count(*) FROM monitoring_alarm WHERE key = 'monitoring-blind' AND state = 'alarm'"
BLIND_EVENTS: Final = (
    "SELECT count(*) FROM monitoring_alarmtransition t JOIN monitoring_alarm a ON a.id = t.alarm_id"
    " WHERE a.key = 'monitoring-blind' AND t.to_state = 'alarm' AND t.recorded_at >= %s"
)
WRONG: Final = (
    "SELECT count(*) FROM monitoring_alarmtransition t JOIN monitoring_alarm a ON a.id = t.alarm_id"
    " WHERE a.origin <> 'portal' AND t.to_state = 'alarm' AND t.recorded_at >= %s"
)
LATE: Final = "SELECT count(*) FROM monitoring_series WHERE enabled AND poll_every = 60 AND watermark < %s"
HOLES: Final = (
    "SELECT count(*) FROM monitoring_series s WHERE s.enabled AND s.poll_every = 60 AND NOT EXISTS (SELECT FROM"
    " monitoring_pollcoverage c WHERE c.series_id = s.id AND c.starts_at <= %s AND c.ends_at >= %s)"
)
TERMS: Final = (
    "SELECT t.slo_id, t.role, t.stat, s.namespace, s.name, s.dimensions FROM monitoring_sloterm t"
    " JOIN monitoring_series s ON s.id = t.series_id WHERE t.role IN ('total', 'bad') AND t.stat = 'Sum' ORDER BY 1"
)
COUNTED: Final = (
    "SELECT sum(total), sum(total - good), sum(covered), sum(expected) FROM monitoring_slobucket"
    " WHERE slo_id = %s AND res = 5 AND ts >= %s AND ts < %s"
)


@dataclass
class Row:
    """One trouble, as it went."""

    trouble: str
    shown: str
    blind_after: float | None  # intervals
    blind_alarms: int
    opened: int
    healed: float | None  # real seconds
    holes: int

    def faults(self) -> list[str]:
        """What is not as it must be."""
        found = []
        late = (LOOKS_EVERY + SLACK) * RATE / INTERVAL.total_seconds()
        if self.trouble in BLINDING:
            if self.blind_after is None or self.blind_after > MOST_INTERVALS + late:
                found.append(f"{self.trouble}: not said to be blind in time")
            if self.blind_alarms != 1:
                found.append(f"{self.trouble}: {self.blind_alarms} alarms instead of one")
            if "green" in self.shown:
                found.append(f"{self.trouble}: {self.shown}")
        elif self.blind_alarms:
            found.append(f"{self.trouble}: said to be blind though something was read")
        if self.opened:
            found.append(f"{self.trouble}: {self.opened} alarms wrongly opened")
        if self.healed is None or self.healed > HEALS_IN:
            found.append(f"{self.trouble}: not healed in {HEALS_IN:.0f} s")
        if self.holes:
            found.append(f"{self.trouble}: {self.holes} metrics with a hole")
        return found


@dataclass
class Report:
    """Every trouble, and the objectives afterwards."""

    rows: list[Row] = field(default_factory=list)
    slos: int = 0
    untrue: list[str] = field(default_factory=list)
    events: float = 0.0

    @property
    def is_clean(self) -> bool:
        return bool(self.slos) and not self.untrue and not any(row.faults() for row in self.rows)

    def lines(self) -> list[str]:
        cells = [("trouble", "shown meanwhile", "blind after", "alarms wrongly", "healed in", "gap")]
        for row in self.rows:
            blind = "not blind" if row.blind_after is None else f"{row.blind_after:.1f} intervals"
            healed = "never" if row.healed is None else f"{row.healed:.0f} s"
            gap = "filled" if not row.holes else f"{row.holes} holes"
            cells.append((row.trouble, row.shown, blind, str(row.opened), healed, gap))
        said = [*table(cells)]
        said.append(f"objectives equal to the truth afterwards   {self.slos - len(self.untrue)} of {self.slos}")
        said.append(f"events counted                             {self.events:,.0f}")
        return said + self.untrue + [fault for row in self.rows for fault in row.faults()]


class Watcher:
    """One trial: puts the account into trouble, looks, heals, and compares."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.control = Control(f"http://127.0.0.1:{trial.aws_port}")
        self.person = Person(trial, PagesReport())
        self.begun = self._five(trial.business_now())

    @staticmethod
    def _five(at: datetime) -> datetime:
        return at.replace(minute=at.minute - at.minute % 5, second=0, microsecond=0)

    def settle(self) -> None:
        """Until every metric was read, and the first whole five minutes after the start have passed."""
        self.trial.wait_for("a first poll", lambda: self._read_to(self.begun), 120)
        self.begun += timedelta(minutes=5)
        self.trial.wait_for("the first five minutes", lambda: self._read_to(self.begun), 180)

    def _read_to(self, at: datetime) -> bool:
        known = self.trial.one("SELECT count(*) FROM monitoring_series WHERE enabled AND watermark IS NOT NULL")
        return bool(known) and self.trial.one(LATE, at) == 0

    def endure(self, trouble: str) -> Row:
        """One trouble from its start until all is well again."""
        began = self.trial.business_now()
        self.control.trouble(trouble)
        blind_after = self._wait_blind(trouble, began)
        shown = self._shown()
        blind_alarms, healing = self.trial.one(BLIND_EVENTS, began), time.monotonic()
        ended = self.trial.business_now()
        self.control.trouble("")
        healed: float | None = None
        try:
            self.trial.wait_for("healing", lambda: self._read_to(ended) and not self.trial.one(BLIND), HEALS_IN * 2)
            healed = time.monotonic() - healing
        except TrialError as error:
            say(f"  {error}")
        self.trial.run_for(2 * INTERVAL.total_seconds() / RATE)  # what would flap does so now
        holes = self.trial.one(HOLES, self.begun, ended)
        row = Row(trouble, shown, blind_after, blind_alarms, self.trial.one(WRONG, began), healed, holes)
        say(f"  {trouble}: {shown}; healed in {healed or float('nan'):.0f} s")
        return row

    def _wait_blind(self, trouble: str, began: datetime) -> float | None:
        if trouble not in BLINDING:
            self.trial.run_for(HOLDS.total_seconds() / RATE)
            return None
        try:
            self.trial.wait_for("blind", lambda: self.trial.one(BLIND), 10 * INTERVAL.total_seconds() / RATE + SLACK)
        except TrialError:
            return None
        return (self.trial.business_now() - began) / INTERVAL

    def _shown(self) -> str:
        """The words of the services on the overview, one interval later: a reading may take its time."""
        self.trial.run_for(INTERVAL.total_seconds() / RATE)
        page = self.person.ask("GET", "/monitoring/", "overview").text
        text = page.partition('aria-label="Services"')[2].partition("</table>")[0]
        words = [f"{text.count(mark)} {name}" for name, mark in SHOWN.items() if mark in text]
        return ", ".join(words) or "nothing"

    def compare(self, report: Report) -> None:
        """Every objective counted anew from what the simulator says now."""
        client, until = cloudwatch(self.trial.aws_port), self._five(self.trial.business_now() - timedelta(minutes=10))
        self.trial.wait_for("the last five minutes", lambda: self._read_to(until + timedelta(minutes=1)), 120)
        truth: dict[int, dict[str, float]] = {}
        for slo, role, stat, namespace, name, dimensions in self.trial.rows(TERMS):
            figures = truth.setdefault(slo, {"total": 0.0, "bad": 0.0})
            figures[role] += _sum(client, namespace, name, dimensions, stat, self.begun, until)
        report.slos = len(truth)
        for slo, figures in truth.items():
            total, bad, covered, expected = self.trial.rows(COUNTED, slo, self.begun, until)[0]
            report.events += total or 0.0
            if (total, bad) != (figures["total"], min(figures["bad"], figures["total"])) or covered != expected:
                report.untrue.append(
                    f"objective {slo}: {bad} of {total} counted, {figures} in truth, {covered}/{expected}"
                )


def _sum(client: Any, namespace: str, name: str, dimensions: Any, stat: str, start: datetime, end: datetime) -> float:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    query = {"Id": "m0", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
    answer = client.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=end)
    return float(sum(answer["MetricDataResults"][0]["Values"]))


SHOWN: Final = {"green": 'st ok"', "stale": 'st stale"', "red": 'st fail"', "unknown": 'st unknown"'}


def lying(*, troubles: Sequence[str] = tuple(TROUBLES)) -> Report:
    """Each trouble in turn on one stack."""
    report = Report()
    with Trial(("shop",), rate=RATE) as trial:
        watcher = Watcher(trial)
        watcher.settle()
        for trouble in troubles:
            report.rows.append(watcher.endure(trouble))
        watcher.compare(report)
    return report
