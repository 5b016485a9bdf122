"""Kill web, worker, dispatcher and Valkey while alarms become incidents: nothing may be lost, nothing doubled."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from opsportal.local.terminal import say
from tests.faults.replay import cloudwatch, dimension, put
from tests.faults.trial import Trial, TrialError

RATE: Final = 6.0
SETTLE_SECONDS: Final = 240.0
VICTIMS: Final = ("web", "worker", "dispatcher", "valkey")
# Each ends the process between two things that must happen together or not at all.
FAULTS: Final = ",".join(
    f"{name}={chance}"
    for name, chance in {
        "incidents.claim.begin": 0.01,
        "incidents.claim.before_commit": 0.02,
        "incidents.claim.after_commit": 0.02,
        "outbox.before_send": 0.01,
        "outbox.after_send": 0.02,
        "outbox.after_mark": 0.01,
        "schedule.before_publish": 0.02,
        "monitoring.after_fetch": 0.1,
        "monitoring.after_store": 0.1,
    }.items()
)
READ = "SELECT count(*) FROM monitoring_series WHERE namespace = 'Trial/Replay' AND watermark IS NOT NULL"
OPENED = """
SELECT t.signal, count(DISTINCT t.id), count(c.id), count(DISTINCT c.incident_id)
  FROM monitoring_alarmtransition t LEFT JOIN incidents_alarmclaim c ON c.transition_id = t.id
 WHERE t.to_state = 'alarm' AND t.signal LIKE 'alert-%' GROUP BY t.signal
"""


@dataclass
class Report:
    """What the trial found."""

    wanted: int
    lost: list[str]
    doubled: list[str]
    kills: int
    at_fail_points: int
    repeats_by_key: int
    unsent: int
    double_runs: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.unsent or self.double_runs)

    def lines(self) -> list[str]:
        return [
            f"alarm transitions replayed      {self.wanted}",
            f"processes killed                {self.kills} ({self.at_fail_points} of them at fail-points)",
            f"lost                            {len(self.lost)} {' '.join(self.lost[:10])}",
            f"doubled                         {len(self.doubled)} {' '.join(self.doubled[:10])}",
            f"doubled runs                    {self.double_runs}",
            f"messages never sent             {self.unsent}",
            f"sent again under the same key   {self.repeats_by_key} (a receiver drops them)",
        ]


def crash(*, alerts: int, runs: int, kills: int, seed: int, schema: Path | None = None) -> Report:
    """Replay `alerts` in `runs` parts while at least `kills` processes die; look at what is left."""
    random, killed = Random(seed), 0
    with Trial(("alerts", str(alerts)), rate=RATE, faults=FAULTS, schema=schema) as trial:
        client = cloudwatch(trial.aws_port)
        # Series that were never read begin at their first reading; what lies before it is history, no alarm.
        trial.wait_for("a first poll", lambda: trial.one(READ) == alerts, SETTLE_SECONDS)
        for run in range(runs):
            numbers = range(run * alerts // runs, (run + 1) * alerts // runs)
            # Ahead of the clock, so that the datapoint is there when its minute is judged.
            minute = trial.business_now().replace(second=0, microsecond=0) + timedelta(minutes=2)
            put(client, numbers, minute, 100.0)
            quota = (run + 1) * kills // runs
            while trial.deaths < quota:
                trial.run_for(random.uniform(0.3, 2.5))
                trial.kill(random.choice(VICTIMS))
                killed += 1
                trial.run_for(0.3)
            _settle(trial, numbers.stop)
            say(f"  run {run + 1} of {runs}: {numbers.stop} alerts, {trial.deaths} processes killed")
        return _report(trial, alerts, killed)


def _settle(trial: Trial, wanted: int) -> None:
    """Wait until all is claimed and told; what does not come is the report's to name."""
    try:
        trial.wait_for("incidents", lambda: len(trial.rows(OPENED)) >= wanted and _claimed(trial), SETTLE_SECONDS)
        trial.wait_for("messages", lambda: _unsent(trial) == 0, SETTLE_SECONDS)
    except TrialError as error:
        say(f"  {error}")


def _claimed(trial: Trial) -> bool:
    return all(claims for _signal, _transitions, claims, _incidents in trial.rows(OPENED))


def _unsent(trial: Trial) -> int:
    return int(trial.one("SELECT count(*) FROM notifications_outboxmessage WHERE sent_at IS NULL"))


def _report(trial: Trial, alerts: int, killed: int) -> Report:
    found = {row[0]: row[1:] for row in trial.rows(OPENED)}
    incidents = dict(
        trial.rows("SELECT signal, count(*) FROM incidents_incident WHERE signal LIKE 'alert-%' GROUP BY signal")
    )
    told = trial.rows(
        "SELECT group_key, target, count(*) FROM notifications_outboxmessage"
        " WHERE kind = 'incident.opened' GROUP BY 1, 2 HAVING count(*) > 1"
    )
    silent = trial.rows(
        "SELECT i.signal FROM incidents_incident i WHERE NOT EXISTS (SELECT FROM notifications_outboxmessage m"
        " WHERE m.group_key = 'incident:' || i.id AND m.sent_at IS NOT NULL)"
    )
    signals = [dimension(number) for number in range(alerts)]
    runs = trial.one(
        "SELECT count(*) FROM (SELECT key, slot_utc FROM schedule_run GROUP BY 1, 2 HAVING count(*) > 1) AS twice"
    )
    steps = trial.one(
        "SELECT count(*) FROM (SELECT run_id, n FROM schedule_step GROUP BY 1, 2 HAVING count(*) > 1) AS s"
    )
    sink = trial.home.path / "mail" / "sink.jsonl"
    keys = Counter(json.loads(line)["key"] for line in sink.read_text().splitlines()) if sink.exists() else Counter()
    return Report(
        wanted=alerts,
        lost=[s for s in signals if s not in found or s not in incidents] + [f"untold {row[0]}" for row in silent],
        doubled=[s for s in signals if found.get(s, (1, 1, 1)) != (1, 1, 1) or incidents.get(s, 1) != 1]
        + [f"told twice {row[0]}" for row in told],
        kills=trial.deaths,
        at_fail_points=max(0, trial.deaths - killed),
        repeats_by_key=sum(count - 1 for count in keys.values()),
        unsent=_unsent(trial),
        double_runs=int(runs) + int(steps),
    )
