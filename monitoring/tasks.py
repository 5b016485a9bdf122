"""Celery tasks: read the clock, load, one call. Messages carry the id of a run in the ledger, nothing else."""

from collections.abc import Mapping
from typing import Any, Final

from monitoring.collector.bill import read_bill
from monitoring.collector.gate import asking
from monitoring.collector.history import fill_history as fill
from monitoring.collector.mirror import mirror_alarms
from monitoring.collector.poll import poll
from monitoring.collector.resources import due_kinds
from monitoring.collector.resources import poll_resources as read_resources
from monitoring.collector.traces import read_traces
from monitoring.collector.upkeep import read_events
from monitoring.databases.reading import database_read
from monitoring.evidence.runner import run_check
from monitoring.insights.running import run_carry_out
from monitoring.models import AwsAccount, LogRun, TargetDatabase
from monitoring.services.cloudwatch_history import history_read
from monitoring.services.log_queries import TASK
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.core.live import touch
from opsportal.platforms.models import Platform
from opsportal.schedule.services import RunClaim
from opsportal.schedule.tasks import NotYetError, PermanentTaskError, scheduled_task

LOOKS_AFTER: Final = 3.0  # seconds, of a question that AWS is at work on
BUSY: Final[Mapping[str, Any]] = {"left_out": "AWS does not answer, and another account that waits for it is asked"}


def _account(claim: RunClaim) -> AwsAccount:
    account = AwsAccount.objects.filter(pk=claim.args["account_id"], enabled=True).first()
    if account is None or claim.args["region"] not in account.regions:
        raise PermanentTaskError("The AWS account or its region is not connected any more.")
    return account


@scheduled_task(name="monitoring.poll_metrics", queue="aws", time_limit=120)
def poll_metrics(claim: RunClaim) -> Mapping[str, Any]:
    """One pass over an account, region and period."""
    account, region = _account(claim), claim.args["region"]
    with asking(account, region) as may_ask:
        if not may_ask:
            return BUSY
        run = poll(account=account, region=region, period=claim.args["period"], at=now())
    return {"poll_run": run.pk, "state": run.state, "points": run.points}


@scheduled_task(name="monitoring.poll_resources", queue="aws", time_limit=180)
def poll_resources(claim: RunClaim) -> Mapping[str, Any]:
    """Resources, CloudWatch's own alarms with what happened to them, and X-Ray, of an account and region."""
    account, region = _account(claim), claim.args["region"]
    with asking(account, region) as may_ask:
        if not may_ask:
            return BUSY
        at = now()
        kinds = due_kinds(account=account, region=region, at=at)
        read = read_resources(account=account, region=region, at=at, kinds=kinds)
        events = read_events(account=account, region=region, at=now())
        mirrored = mirror_alarms(account=account, region=region, at=now())
        changes = history_read(account=account, region=region, at=now())
        # The bill is the account's: with its first region, so that no two regions ask and pay for it at once.
        bill = region == account.regions[0] and read_bill(account=account, at=now())
        traced = read_traces(account=account, region=region, at=now())
        done = {"kinds": read, "alarms": mirrored, "changes": changes, "events": events, "bill": bill}
        return done | {"traces": traced}


@scheduled_task(name="monitoring.fill_history", queue="aws", time_limit=240)
def fill_history(claim: RunClaim) -> Mapping[str, Any]:
    """The next slices of history."""
    account, region = _account(claim), claim.args["region"]
    with asking(account, region) as may_ask:
        return {"slices": fill(account=account, region=region, at=now())} if may_ask else BUSY


@scheduled_task(name="monitoring.run_check", queue="checks", time_limit=60)
def run_one_check(claim: RunClaim) -> Mapping[str, Any]:
    """Run one check of a platform now, and wake the page that asked for it."""
    args = claim.args
    assert claim.platform_id is not None
    platform = Platform.objects.get(pk=claim.platform_id)
    by = system_actor("monitoring.checks")
    result = run_check(platform=platform, name=args["check"], params=args["params"], at=now(), by=by)
    if args.get("topic"):
        touch(args["topic"], result.pk)
    return {"evidence": result.pk, "verdict": result.verdict}


@scheduled_task(name="monitoring.read_database", queue="checks", time_limit=90)
def read_database(claim: RunClaim) -> Mapping[str, Any]:
    """Ask a platform's database everything by SQL that only reads, and wake the pages that show it."""
    database = TargetDatabase.objects.filter(pk=claim.args["database_id"]).first()
    if database is None:
        raise PermanentTaskError("The database is not named any more.")
    poll = database_read(database=database, at=now())
    touch("today", 0)
    if poll is None:
        return {"left_out": "another reading of it is under way"}
    return {"ms": poll.ms, "error": poll.error}


@scheduled_task(name=TASK, queue="checks", time_limit=150)
def run_log_query(claim: RunClaim) -> Mapping[str, Any]:
    """Carry out one run of a saved question to the logs, or go on with it; what AWS works on waits outside."""
    by = system_actor("monitoring.logs")
    state = run_carry_out(run_id=claim.args["log_run"], fence=claim.fence, by=by, clock=now)
    if state in LogRun.OPEN:
        raise NotYetError(LOOKS_AFTER)
    return {"state": state}
