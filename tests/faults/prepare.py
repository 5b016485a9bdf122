"""`python -m tests.faults.prepare WHAT [N]`: a trial's data, made through the services on its own stack."""

import json
import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402 - after setup, as all below
from django.test import Client  # noqa: E402

from maintenance.services.checklists import checklist_run_open  # noqa: E402
from monitoring.actions.requests import ACTIONS, action_request  # noqa: E402
from monitoring.models import AwsAccount, Resource, ResourceKind  # noqa: E402
from monitoring.services.accounts import account_put, source_put  # noqa: E402
from monitoring.services.binding import series_bind  # noqa: E402
from monitoring.services.policy import alarm_rule_put  # noqa: E402
from opsportal.accounts.actors import user_actor  # noqa: E402
from opsportal.accounts.models import User  # noqa: E402
from opsportal.accounts.services.people import person_create  # noqa: E402
from opsportal.core import clock  # noqa: E402
from opsportal.core.actor import system_actor  # noqa: E402
from opsportal.local.aws.catalogue import ACCOUNT, ACT_ROLE_NAME, EXTERNAL_IDS, REGION, ROLE_NAME  # noqa: E402
from opsportal.packs.services import pack_apply  # noqa: E402
from opsportal.plans.models import Approval  # noqa: E402
from opsportal.plans.services import plan_decide  # noqa: E402
from opsportal.platforms.models import Platform, Service, Severity  # noqa: E402
from opsportal.platforms.services.members import member_set  # noqa: E402
from tests.factories.maintenance import checklist_template  # noqa: E402
from tests.factories.platforms import platform_with_policy  # noqa: E402
from tests.faults.replay import METRIC, NAMESPACE, dimension  # noqa: E402

BY = system_actor("tests.trial")
PACK = "shop-management"
ROLES = ("operator", "commander", "auditor")
PASSWORD = "correct horse battery staple"


def people(platform: Platform, at: datetime) -> None:
    """One person per role, with a session whose cookie the trial may use."""
    cookies = {}
    for role in ROLES:
        user: User = person_create(
            by=BY, at=at, email=f"{role}@example.com", name=role.capitalize(), password=PASSWORD, is_portal_admin=False
        )
        member_set(by=BY, at=at, platform=platform, user=user, role=role)
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        cookies[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
    (Path(settings.OPSPORTAL_HOME) / "cookies.json").write_text(json.dumps(cookies))


def shop(at: datetime) -> Platform:
    """The platform of one pack."""
    pack_apply(PACK, by=BY, at=at)
    return connected(Platform.objects.get(key=PACK), at)


def connected(platform: Platform, at: datetime) -> Platform:
    """The platform with its people and the simulated account it lives in."""
    people(platform, at)
    account = account_put(
        by=BY,
        at=at,
        account_id=ACCOUNT,
        name="Shops",
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}",
        external_id=EXTERNAL_IDS[ACCOUNT],
        act_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ACT_ROLE_NAME}",
        regions=[REGION],
    )
    source_put(by=BY, at=at, platform=platform, account=account)
    return platform


def alerts(platform: Platform, at: datetime, count: int) -> None:
    """`count` rules, each on a series of its own that the trial replays."""
    service = Service.objects.filter(platform=platform).order_by("pk").first()
    severity = Severity.objects.filter(scheme__platform=platform, scheme__kind="alert").order_by("rank").first()
    for number in range(count):
        name = dimension(number)
        values: dict[str, Any] = {
            "name": f"Replayed {name}",
            "service": service,
            "signal": name,
            "indicator": {"value": {"namespace": NAMESPACE, "metric": METRIC, "dimensions": {"Alert": name}}},
            "stat": "Maximum",
            "period": 60,
            "threshold": 80.0,
            "poll_every": 60,
            "missing": "ignore",
            "opens_incident": True,
            "grouped": False,  # an incident each, so that a lost one is seen
            "severity": severity,
        }
        alarm_rule_put(by=BY, at=at, platform=platform, key=name, values=values)
    series_bind(by=BY, at=at, platform=platform)


def checklist(platform: Platform, at: datetime) -> None:
    """An open list, so that there is something to tick."""
    template = checklist_template(platform, at=at, items=20)
    checklist_run_open(by=BY, at=at, template=template, slot_at=at.replace(second=0, microsecond=0))


def ask(at: datetime, number: int) -> None:
    """One approved plan of each kind that the worker may be killed in; `number` tells one asking from the next."""
    platform, account = Platform.objects.get(key="trial"), AwsAccount.objects.get()
    operator, commander = (user_actor(User.objects.get(email=f"{role}@example.com")) for role in ROLES[:2])
    for key, kind, target, more in (
        ("scale-service", ResourceKind.ECS_SERVICE, "bookstore-cluster/bookstore-web", {"tasks": 4 + number}),
        ("restart-tasks", ResourceKind.ECS_SERVICE, "shop-management-cluster/shop-management-api", {}),
        ("take-snapshot", ResourceKind.RDS_CLUSTER, "bookstore-production", {}),
        ("reboot-instance", ResourceKind.RDS_INSTANCE, "production-postgres", {}),
    ):
        where: dict[str, Any] = {"account": account, "region": REGION, "kind": kind, "identifier": target}
        Resource.objects.update_or_create(**where, defaults={"platform": platform, "fetched_at": at})
        action = ACTIONS[key]
        form = action.form({"target": target, **more}, platform=platform)
        if not form.is_valid():
            raise SystemExit(f"{key}: {form.errors.as_text()}")
        plan = action_request(by=operator, at=at, platform=platform, action=action, form=form)
        plan_decide(
            by=replace(commander, mfa_at=clock.real_now()),
            at=at,
            plan=plan,
            verdict=Approval.Verdict.APPROVED,
            seen_hash=plan.content_hash,
            expected=plan.version,
        )


def main(what: str, count: int = 0) -> None:
    """Make the data of the trial WHAT.

    `shop`: a whole pack; `alerts`: a small platform with N rules; `plans`: the same with none, where `ask` then asks
    for approved plans.
    """
    at = clock.now()
    if what == "shop":
        shop(at)
        return
    if what == "ask":
        ask(at, count)
        return
    platform = connected(platform_with_policy(key="trial", name="Trial"), at)
    checklist(platform, at)
    alerts(platform, at, count)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
