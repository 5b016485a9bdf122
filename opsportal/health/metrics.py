"""The portal's own figures for Prometheus, read from the database at each scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

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


def exposition() -> bytes:
    """The text of `/metrics`."""
    registry = CollectorRegistry()
    registry.register(PortalCollector())
    return generate_latest(registry)
