"""What monitoring hangs into the shell and the health page."""

from datetime import timedelta

from monitoring import runbook_steps, store
from monitoring.actions import requests
from monitoring.evidence import alarms, backups, databases, health, jobs, log_pipeline, logs
from monitoring.loops import heartbeats, intake, probes, watch
from monitoring.loops import logs as log_loops
from monitoring.models import AwsAccount, Series
from monitoring.selectors.alarms import firing_alarms
from opsportal.core.clock import now, real_now
from opsportal.core.freshness import register_version
from opsportal.core.roles import register_function
from opsportal.core.shell import register_nav, register_setting
from opsportal.schedule.invariants import invariant
from opsportal.schedule.models import LoopPulse
from opsportal.schedule.probes import Probe, register_probe

PASSED = timedelta(hours=2)  # the partition loop passes every hour
# Imported for what they register.
REGISTERED = (
    watch, intake, probes, heartbeats, log_loops, alarms, backups, databases, health, jobs, log_pipeline, logs,
)  # fmt: skip


def _aws_probe() -> Probe:
    """How old our knowledge of AWS is."""
    accounts = AwsAccount.objects.filter(enabled=True)
    if not accounts.exists():
        return Probe(name="aws", state="off", at=None, text="No AWS account is connected.")
    read = Series.objects.filter(account__in=accounts, enabled=True, watermark__isnull=False).order_by("-watermark")
    newest = read.first()
    if newest is None:
        return Probe(name="aws", state="stale", at=None, text="Nothing was read from AWS yet.")
    slowed = accounts.filter(pace__gt=0).order_by("account_id").first()
    blind = watch.blind_platforms(now())
    if blind:
        return Probe(
            name="aws", state="down", at=newest.watermark, text=next(iter(blind.values())) or "AWS is not read."
        )
    if slowed is not None:
        text = f"The budget of {slowed.name} slows polling down: {slowed.pace_words}."
        return Probe(name="aws", state="stale", at=newest.watermark, text=text)
    return Probe(name="aws", state="ok", at=newest.watermark, text="Metrics are fresh.")


def _stray_points() -> list[str]:
    """Nothing falls beside the partitions."""
    stray = store.stray_points()
    return [f"{stray} datapoints lie outside every partition: the partition loop does not run."] if stray else []


def _partitions_ahead() -> list[str]:
    """What is read now, and at the next turn of a day, week or month, has its place."""
    if not LoopPulse.objects.filter(name="monitoring.partitions", ok_at__gt=real_now() - PASSED).exists():
        return []  # after a long stop the loop comes first; that it does not pass is said by its own health
    missing = store.missing_partitions(now())
    return [f"The partition {name} is missing: the partition loop does not run." for name in missing]


def register() -> None:
    """Called once at start."""
    runbook_steps.register()
    requests.register()
    register_nav(
        30,
        "monitoring",
        "Monitoring",
        "activity",
        "monitoring:overview",
        "monitoring.overview_view",
        count=lambda actor, at: firing_alarms(actor, at=at),
    )
    register_nav(40, "slos", "SLOs", "target", "reports:slo", "monitoring.slo_view")
    register_setting(
        60, "AWS", "Accounts the portal reads, their roles and permissions", "cloud", "monitoring:connect-aws",
        "monitoring.aws_account_view",
    )  # fmt: skip
    register_setting(
        62, "Alert sources", "Links that outside monitoring sends to, and what its alerts mean", "inbox",
        "monitoring:alert-sources", "monitoring.alert_source_view",
    )  # fmt: skip
    for signature in (
        "monitoring_ensure_partitions(timestamptz, timestamptz)",
        "monitoring_drop_partitions(timestamptz)",
        "monitoring_stray_points()",
    ):
        register_function(signature)
    register_version("monitoring_alarm", "platform_id", "version")  # an alarm's move is no audited act
    register_probe("aws", _aws_probe)
    invariant(name="monitoring.points_have_partitions")(_stray_points)
    invariant(name="monitoring.partitions_are_ahead")(_partitions_ahead)
    invariant(name="monitoring.inbound_is_judged")(intake.left_waiting)
