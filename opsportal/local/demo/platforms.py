"""The five platforms from their packs, the simulated accounts, and the database that jobs work on."""

from datetime import datetime

from django.conf import settings

from monitoring.models import AwsAccount, Probe, TargetDatabase
from monitoring.services.accounts import account_put, backfill_start, source_put
from monitoring.services.databases import target_database_put
from monitoring.services.probes import probe_add, probe_change
from opsportal.core.actor import Actor
from opsportal.local.aws.catalogue import ACCOUNT, ACT_ROLE_NAME, EXTERNAL_IDS, REGION, ROLE_NAME, SECOND_ACCOUNT
from opsportal.packs.pack import pack_names
from opsportal.packs.services import pack_apply
from opsportal.platforms.models import Platform, Service, Severity

HISTORY_DAYS = 31


def packs_put(*, by: Actor, at: datetime) -> None:
    """Apply each pack that was never applied; later drift is shown, never overwritten unasked."""
    for name in pack_names():
        if not Platform.objects.filter(key=name).exists():
            pack_apply(name, by=by, at=at)


def accounts_put(*, by: Actor, at: datetime) -> None:
    """Connect the account that carries all five platforms and have its history read; a second one stays degraded."""
    if AwsAccount.objects.exists():
        return
    account, _second = (
        account_put(
            by=by,
            at=at,
            account_id=number,
            name=name,
            role_arn=f"arn:aws:iam::{number}:role/{ROLE_NAME}",
            external_id=EXTERNAL_IDS[number],
            regions=[REGION],
            # The second account stays as a real one is at first: nothing that changes it can be requested.
            act_role_arn=f"arn:aws:iam::{number}:role/{ACT_ROLE_NAME}" if number == ACCOUNT else "",
        )
        for number, name in ((ACCOUNT, "Shops"), (SECOND_ACCOUNT, "Second, partly denied"))
    )
    for platform in Platform.objects.order_by("key"):
        source_put(by=by, at=at, platform=platform, account=account)
    backfill_start(by=by, at=at, account=account, days=HISTORY_DAYS)


def target_database_connect(*, by: Actor, at: datetime) -> None:
    """The embedded cluster's database `shop`, as the platform's database of shop-management."""
    platform = Platform.objects.get(key="shop-management")
    target_database_put(
        by=by,
        at=at,
        platform=platform,
        key="shop",
        values={
            "name": "Shop database",
            "purpose": "checks and approved maintenance",
            # The socket moves when the data folder's path is long: every start writes where it is now.
            "socket_dir": settings.DATABASES["default"]["HOST"],
            "database": "shop",
            "reader_role": "shop_reader",
            "maintainer_role": "shop_maintainer",
        },
    )


def probes_put(*, by: Actor, at: datetime) -> None:
    """The health of each simulated shop by HTTP, and the shop's database; every start writes where they are now."""
    for platform in Platform.objects.order_by("key") if settings.AWS_ENDPOINT_URL else ():
        address = f"{settings.AWS_ENDPOINT_URL}/opsportal-sim/health/{platform.key}"
        _probe_put(
            by=by, at=at, platform=platform, key="health",
            values={"name": f"Health of {platform.name}", "kind": "http", "address": address, "body_text": "ok"},
        )  # fmt: skip
    database = TargetDatabase.objects.get(platform__key="shop-management", key="shop")
    _probe_put(
        by=by, at=at, platform=database.platform, key="shop-database",
        values={"name": "Shop database", "kind": "database", "database": database},
    )  # fmt: skip


def _probe_put(*, by: Actor, at: datetime, platform: Platform, key: str, values: dict[str, object]) -> None:
    found = Probe.objects.filter(platform=platform, key=key).first()
    if found is not None:
        if found.address != values.get("address", ""):
            probe_change(by=by, at=at, probe=found, expected=found.version, values={"address": values["address"]})
        return
    service = Service.objects.filter(platform=platform).order_by("pk").first()
    levels = Severity.objects.filter(scheme__platform=platform, scheme__kind="alert").order_by("rank", "pk")
    usual = {"service": service, "severity": levels[1:2].first() or levels.first(), "opens_incident": False}
    probe_add(by=by, at=at, platform=platform, key=key, values=usual | values)
