"""The portal's own figures for Prometheus, read from the database at each scrape."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from monitoring.selectors.databases import database_polls
from monitoring.selectors.log_costs import run_figures
from monitoring.selectors.polls import newest_lags, region_polls
from opsportal.core import clock
from opsportal.core.clock import real_now
from opsportal.health.selectors import Reading


class PortalCollector(Collector):
    """Loops, outbox, ledger and findings."""

    def collect(self) -> Iterator[Metric]:
        reading, now = Reading(), real_now()
        age = GaugeMetricFamily(
            "opsportal_loop_pulse_age_seconds", "Time since the loop's last pulse.", labels=["loop"]
        )
        well = GaugeMetricFamily(
            "opsportal_loop_well", "1 while the loop runs and its passes succeed.", labels=["loop"]
        )
        items = CounterMetricFamily("opsportal_loop_items", "Items done by the loop.", labels=["loop"])
        passes = CounterMetricFamily("opsportal_loop_passes", "Passes of the loop.", labels=["loop"])
        failures = CounterMetricFamily("opsportal_loop_failures", "Passes that failed.", labels=["loop"])
        seconds = CounterMetricFamily("opsportal_loop_seconds", "Time spent in passes.", labels=["loop"])
        for item in reading.loops:
            if item.pulse_at is not None:
                age.add_metric([item.name], (now - item.pulse_at).total_seconds())
            well.add_metric([item.name], float(item.is_well))
            items.add_metric([item.name], item.items)
            passes.add_metric([item.name], item.passes)
            failures.add_metric([item.name], item.failures)
            seconds.add_metric([item.name], item.seconds)
        yield from (age, well, items, passes, failures, seconds)
        yield GaugeMetricFamily("opsportal_outbox_pending", "Messages that wait.", value=reading.outbox.pending)
        yield GaugeMetricFamily("opsportal_outbox_parked", "Messages that were given up.", value=reading.outbox.parked)
        yield GaugeMetricFamily(
            "opsportal_outbox_oldest_seconds",
            "Age of the longest waiting message.",
            value=reading.outbox.oldest_seconds,
        )
        runs = GaugeMetricFamily("opsportal_runs", "Open and troubled runs of the ledger.", labels=["state"])
        for state, count in sorted(reading.runs.items()):
            runs.add_metric([state], count)
        yield runs
        yield GaugeMetricFamily("opsportal_findings", "Broken invariants.", value=len(reading.findings))
        yield from _collector_metrics()
        yield from _log_metrics()
        yield from _database_metrics(clock.now())


# What the collector counts per account and region, and how it reads in the exposition.
COUNTED: Final = {
    "requests": "Requests made to GetMetricData.",
    "metrics_billed": "Metrics requested, as AWS bills them.",
    "points": "Datapoints answered.",
    "late_revisions": "Datapoints that changed after they were stored.",
    "refused": "Datapoints refused: outside the time asked about, or no number.",
    "throttles": "Passes that AWS throttled.",
    "failures": "Passes without any answer.",
}


def _collector_metrics() -> Iterator[Metric]:
    """The collector of CloudWatch metrics, per account and region."""
    labels = ["account", "region"]
    rows, lags = region_polls(), newest_lags()
    for name, text in COUNTED.items():
        counter = CounterMetricFamily(f"opsportal_collector_{name}", text, labels=labels)
        for row in rows:
            counter.add_metric([row.account.account_id, row.region], getattr(row, name))
        yield counter
    lag = GaugeMetricFamily("opsportal_collector_lag_seconds", "Age of the newest datapoint when read.", labels=labels)
    share = GaugeMetricFamily("opsportal_collector_share", "Part of AWS's limits that is used.", labels=labels)
    pace = GaugeMetricFamily("opsportal_collector_pace", "Steps by which the budget slows polling.", labels=labels)
    for row in rows:
        key = [row.account.account_id, row.region]
        if (row.account_id, row.region) in lags:
            lag.add_metric(key, lags[row.account_id, row.region])
        share.add_metric(key, row.share)
        pace.add_metric(key, row.account.pace)
    yield from (lag, share, pace)


def _log_metrics() -> Iterator[Metric]:
    """Questions to the logs: runs by state, what AWS read for them and bills."""
    states, scanned, usd = run_figures()
    runs = GaugeMetricFamily(
        "opsportal_log_runs", "Runs of questions to the logs, since the beginning.", labels=["state"]
    )
    for state, count in sorted(states.items()):
        runs.add_metric([state], count)
    yield runs
    yield CounterMetricFamily("opsportal_log_scanned_bytes", "Bytes of logs that AWS read.", value=scanned)
    yield CounterMetricFamily("opsportal_log_usd", "What AWS bills for it, at the accounts' prices.", value=float(usd))


def _database_metrics(at: datetime) -> Iterator[Metric]:
    """The readings of platforms' databases."""
    labels = ["platform", "database"]
    readings = CounterMetricFamily("opsportal_database_readings", "Readings by SQL.", labels=labels)
    failures = CounterMetricFamily("opsportal_database_failures", "Readings without any answer.", labels=labels)
    age = GaugeMetricFamily("opsportal_database_age_seconds", "Age of the last answers.", labels=labels)
    took = GaugeMetricFamily("opsportal_database_seconds", "What the last reading took.", labels=labels)
    for poll in database_polls():
        key = [poll.database.platform.key, poll.database.key]
        readings.add_metric(key, poll.readings)
        failures.add_metric(key, poll.failures)
        if poll.fetched_at is not None:
            age.add_metric(key, (at - poll.fetched_at).total_seconds())
            took.add_metric(key, poll.ms / 1000)
    yield from (readings, failures, age, took)


def exposition() -> bytes:
    """The text of `/metrics`."""
    registry = CollectorRegistry()
    registry.register(PortalCollector())
    return generate_latest(registry)
