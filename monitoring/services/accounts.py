"""AWS accounts: connect, check, schedule their polls, fill their history."""

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from monitoring.models import AwsAccount, AwsPermission, Backfill, MetricSource, Series
from monitoring.services.alarms import alarms_release, mirrored_forget
from monitoring.services.binding import series_bind
from opsportal.audit.services import record
from opsportal.aws import policy, sts
from opsportal.aws.acting import acting_account
from opsportal.aws.errors import AwsError
from opsportal.aws.session import AwsAccount as AwsSession
from opsportal.aws.session import forget_clients
from opsportal.core.actor import Actor
from opsportal.core.refusals import RefusedError
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Schedule
from opsportal.schedule.recurrence import Rule
from opsportal.schedule.services import run_request, schedule_put, schedule_remove

RECENT: Final = timedelta(hours=3)  # of a new account's history this much comes at one minute
# How long CloudWatch keeps points of a period (seconds): what is older comes at the next longer one.
KEPT: Final = ((60, timedelta(days=15)), (300, timedelta(days=63)), (3600, timedelta(days=455)))
RESOURCES_EVERY: Final = 300
_HERE: Final = "{} is here already: change it on its own page."
REGION_GONE: Final = "Its region is not read any more."


class AwsAccountError(RefusedError):
    """The account cannot be taken; the message is for the person."""


def aws_session(account: AwsAccount) -> AwsSession:
    """The account as `opsportal.aws` wants it."""
    return AwsSession(
        account_id=account.account_id,
        regions=tuple(account.regions),
        role_arn=account.role_arn or None,
        external_id=account.external_id or None,
        endpoint_url=settings.AWS_ENDPOINT_URL,
    )


def act_session(account: AwsAccount, *, plan: int) -> AwsSession:
    """The account as the act role sees it for one approved plan; only `opsportal.aws.acting` takes it."""
    return acting_account(aws_session(account), role_arn=account.act_role_arn, plan=plan)


def new_external_id() -> str:
    """An external id nobody can guess, for the role's trust policy."""
    return f"ops-{secrets.token_hex(8)}"


@transaction.atomic
def account_put(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    account_id: str,
    name: str,
    role_arn: str,
    external_id: str,
    regions: Sequence[str],
    cost_cap_usd: Decimal | None = None,
    usd_per_metric: Decimal | None = None,
    usd_per_scanned_gb: Decimal | None = None,
    act_role_arn: str | None = None,
    expected: int | None = None,
) -> AwsAccount:
    """Connect an account, or with `expected` change it; its polls are scheduled per region.

    Connecting one that is here already changes nothing of it: AwsAccountError, unless it says the same.
    Regions left out are not read any more. Polling slows down so that a month costs at most `cost_cap_usd`, by our own
    count of metrics at `usd_per_metric`.
    `act_role_arn` is what approved plans act as; "" allows no change of this account. Raises VersionConflictError.
    """
    values: dict[str, Any] = {
        "name": name, "role_arn": role_arn, "external_id": external_id, "regions": list(regions), "enabled": True,
    }  # fmt: skip
    asked = {
        "cost_cap_usd": cost_cap_usd,
        "usd_per_metric": usd_per_metric,
        "usd_per_scanned_gb": usd_per_scanned_gb,
        "act_role_arn": act_role_arn,
    }
    values |= {name: value for name, value in asked.items() if value is not None}
    account, is_new = AwsAccount.objects.select_for_update().get_or_create(
        account_id=account_id, defaults=values | {"created_at": at}
    )
    gone = set(account.regions) - set(regions)
    changed = [key for key, value in values.items() if getattr(account, key) != value]
    if changed and not is_new:
        if expected is None:
            raise AwsAccountError(_HERE.format(account))
        account.update_versioned(expected=expected, **{key: values[key] for key in changed})
        forget_clients()
    _schedule(account, at)
    _regions_forget(account, gone, at)
    if is_new or changed:
        _resources_request(account, at)
        verb = "monitoring.aws_account.connected" if is_new else "monitoring.aws_account.changed"
        _record(by=by, at=at, account=account, verb=verb, data={"changed": changed, **_said(account)})
    return account


def _said(account: AwsAccount) -> dict[str, Any]:
    """What the audit keeps of an account."""
    return {
        "account": account.account_id,
        "regions": list(account.regions),
        "cost_cap_usd": float(account.cost_cap_usd),
        "usd_per_metric": float(account.usd_per_metric),
        "usd_per_scanned_gb": float(account.usd_per_scanned_gb),
        "act_role": account.act_role_arn,
    }


def _record(*, by: Actor, at: datetime, account: AwsAccount, verb: str, data: dict[str, Any]) -> None:
    record(by=by, at=at, verb=verb, obj_kind="monitoring.awsaccount", obj_id=account.pk, platform_id=None, data=data)


def _regions_forget(account: AwsAccount, gone: Collection[str], at: datetime) -> None:
    for region in sorted(gone):
        mirrored_forget(account=account, region=region, at=at, reason=REGION_GONE)
    if gone:
        alarms_release(account=account, at=at, reason=REGION_GONE)


def account_connect(  # noqa: PLR0913 - keyword-only, each a field of the row
    *,
    by: Actor,
    at: datetime,
    account_id: str,
    name: str,
    role_arn: str,
    external_id: str,
    regions: Sequence[str],
    cost_cap_usd: Decimal,
    usd_per_metric: Decimal | None = None,
    usd_per_scanned_gb: Decimal | None = None,
    act_role_arn: str = "",
) -> AwsAccount:
    """Connect an account that is not here yet. Raises AwsAccountError."""
    known = AwsAccount.objects.filter(account_id=account_id).first()
    if known is not None:
        raise AwsAccountError(_HERE.format(known))
    return account_put(
        by=by,
        at=at,
        account_id=account_id,
        name=name,
        role_arn=role_arn,
        external_id=external_id,
        regions=regions,
        cost_cap_usd=cost_cap_usd,
        usd_per_metric=usd_per_metric,
        usd_per_scanned_gb=usd_per_scanned_gb,
        act_role_arn=act_role_arn,
    )


def _schedule(account: AwsAccount, at: datetime) -> None:
    """One poll per region and period, one reading of resources; all skip what they missed, the watermark does not."""
    _unschedule(account, keep=account.regions)
    for region in account.regions:
        args = {"account_id": account.pk, "region": region}
        for period in (60, 300):
            schedule_put(
                key=f"monitoring.poll:{account.account_id}:{region}:{period}",
                task="monitoring.poll_metrics",
                queue="aws",
                rule=Rule(every_seconds=period),
                at=at,
                args=args | {"period": period},
                catch_up="last",
                max_attempts=1,
                lease_seconds=30,
            )
        schedule_put(
            **_resources_poll(account, region), rule=Rule(every_seconds=RESOURCES_EVERY), at=at, catch_up="last"
        )
        schedule_put(
            key=f"monitoring.backfill:{account.account_id}:{region}",
            task="monitoring.fill_history",
            queue="aws",
            rule=Rule(every_seconds=20),
            at=at,
            args=args,
            catch_up="skip",
            max_attempts=1,
            lease_seconds=30,
        )


def _resources_poll(account: AwsAccount, region: str) -> dict[str, Any]:
    return {
        "key": f"monitoring.resources:{account.account_id}:{region}",
        "task": "monitoring.poll_resources",
        "queue": "aws",
        "args": {"account_id": account.pk, "region": region},
        "max_attempts": 1,
        "lease_seconds": 30,
    }


def _resources_request(account: AwsAccount, at: datetime) -> None:
    """Read resources at once: evidence about backups and health must not wait for the first turn of the schedule."""
    for region in account.regions:
        run_request(**_resources_poll(account, region), at=at)


def _unschedule(account: AwsAccount, *, keep: Collection[str] = ()) -> None:
    """Stop the account's tasks in every region it ever had but those to keep."""
    for schedule in Schedule.objects.filter(task__startswith="monitoring.", args__account_id=account.pk):
        if schedule.args["region"] not in keep:
            schedule_remove(key=schedule.key)


@transaction.atomic
def account_disconnect(*, by: Actor, at: datetime, account: AwsAccount, expected: int) -> None:
    """Stop reading an account; rows and points stay. Raises VersionConflictError."""
    account.update_versioned(expected=expected, enabled=False)
    _unschedule(account)
    alarms_release(account=account, at=at, reason=f"{account.name} was disconnected.")
    _record(
        by=by,
        at=at,
        account=account,
        verb="monitoring.aws_account.disconnected",
        data={"account": account.account_id},
    )


@transaction.atomic
def source_put(*, by: Actor, at: datetime, platform: Platform, account: AwsAccount, region: str = "") -> MetricSource:
    """Say that a platform lives in an account, and bind its policy to series there."""
    region = region or account.regions[0]
    source, is_new = MetricSource.objects.get_or_create(platform=platform, account=account, defaults={"region": region})
    if not is_new and source.region != region:
        source.update_versioned(expected=source.version, region=region)
    if is_new:
        _resources_request(account, at)
    series_bind(by=by, at=at, platform=platform)
    return source


def account_check(*, by: Actor, at: datetime, account: AwsAccount) -> list[AwsPermission]:
    """Make every read call once as the role and keep what came of it, within 15 s. Outside any transaction."""
    session, identity = aws_session(account), ""
    results = policy.check_permissions(session, at=at)
    if any(row.operation == "sts:GetCallerIdentity" and row.verdict == "allowed" for row in results):
        with suppress(AwsError):
            identity = sts.caller_identity(policy.hurried(session)).arn
    rows = [
        AwsPermission(account=account, operation=r.operation, verdict=r.verdict, detail=r.detail[:500], checked_at=at)
        for r in results
    ]
    with transaction.atomic():
        AwsPermission.objects.filter(account=account).delete()
        AwsPermission.objects.bulk_create(rows)
        AwsAccount.objects.filter(pk=account.pk).update(checked_at=at, identity_arn=identity)
        verdicts = {word: sum(row.verdict == word for row in rows) for word in ("allowed", "denied", "could_not_check")}
        _record(
            by=by,
            at=at,
            account=account,
            verb="monitoring.aws_account.checked",
            data=verdicts,
        )
    return rows


@transaction.atomic
def backfill_start(*, by: Actor, at: datetime, account: AwsAccount, days: int = 35) -> list[Backfill]:
    """Ask for `days` of history: the last 3 h at one minute where polled so, then 5 minutes as far back as CloudWatch
    has them, then hours. Idempotent while open.
    """
    made = []
    for region in account.regions:
        if Backfill.objects.filter(account=account, region=region, finished_at=None).exists():
            continue
        if not Series.objects.filter(account=account, region=region, enabled=True).exists():
            continue
        start = (at - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        edge = (at - RECENT).replace(minute=0, second=0, microsecond=0)
        made += backfill_add(account=account, region=region, start=start, end=at, at=at, minutes_from=edge)
    if made:
        _record(
            by=by,
            at=at,
            account=account,
            verb="monitoring.backfill.started",
            data={"days": days},
        )
    return made


def backfill_add(
    *,
    account: AwsAccount,
    region: str,
    start: datetime,
    end: datetime,
    at: datetime,
    minutes_from: datetime | None = None,
) -> list[Backfill]:
    """Ask for [start, end) at every period that CloudWatch still has of it; minutes from `minutes_from` on only.

    5-minute points are asked for beside minutes too: not every series is read each minute. Call in a transaction.
    """
    made = []
    for period, kept in KEPT:
        oldest = _ceil(at - kept, period)
        begins = max(start, oldest)
        if period == 60:
            begins = max(begins, minutes_from or begins)
        ends = end.replace(second=0, microsecond=0)
        if period == 3600:  # hours only where nothing finer is left
            ends = min(ends, _ceil(at - KEPT[1][1], period))
        ends -= timedelta(seconds=int(ends.timestamp()) % period)
        if begins < ends:
            values = {"period": period, "starts_at": begins, "ends_at": ends, "cursor_at": ends, "created_at": at}
            made.append(Backfill.objects.create(account=account, region=region, **values))
    return made


def _ceil(at: datetime, period: int) -> datetime:
    """The first start of a period not before `at`."""
    whole = at.replace(microsecond=0)
    return whole + timedelta(seconds=-int(whole.timestamp()) % period)
