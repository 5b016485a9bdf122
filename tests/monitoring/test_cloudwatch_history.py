"""What CloudWatch says of its alarms is kept once, shown, and survives a refusal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.collector.mirror import mirror_alarms
from monitoring.models import Alarm, AwsAccount, CloudWatchChange, ResourcePoll
from monitoring.services.accounts import account_put, source_put
from monitoring.services.cloudwatch_history import history_read
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.monitoring import BY, REGION, rule_of, term
from tests.local.aws.simulator import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.aws]
ROLE = "arn:aws:iam::123456789012:role/opsportal-read"


@pytest.fixture
def account(platform: Platform, simulated_aws: Simulator) -> AwsAccount:
    """The simulated account with a rule of the database whose CloudWatch alarm is mirrored beside it."""
    at = now()
    found = account_put(by=BY, at=at, account_id="123456789012", name="demo", role_arn=ROLE,
                        external_id="opsportal-demo", regions=[REGION])  # fmt: skip
    source_put(by=BY, at=at, platform=platform, account=found)
    cluster = {"DBClusterIdentifier": "shop-management-aurora"}
    rule_of(platform, at=at, indicator={"value": term("DatabaseConnections", namespace="AWS/RDS", dimensions=cluster)})
    AwsAccount.objects.exclude(pk=found.pk).update(enabled=False)
    source_put(by=BY, at=at, platform=platform, account=found)
    return found


def test_changes_are_kept_once_and_shown(account: AwsAccount, viewer: Any, client_for: Callable[..., Client]) -> None:
    at = now()
    mirror_alarms(account=account, region=REGION, at=at)
    read = history_read(account=account, region=REGION, at=at)
    assert read == CloudWatchChange.objects.count() > 0
    assert history_read(account=account, region=REGION, at=at + timedelta(minutes=5)) == 0
    assert history_read(account=account, region="eu-west-1", at=at) == 0
    alarm = Alarm.objects.get(origin="cloudwatch", name="Database-High-Connections")
    rang = alarm.history.filter(summary="Alarm updated from OK to ALARM").order_by("-at").first()
    assert rang is not None
    assert rang.reason.startswith("Threshold Crossed")
    assert ResourcePoll.objects.get(kind="alarm_history").error == ""
    html = client_for(viewer).get(reverse("monitoring:alarm", args=[alarm.pk])).content.decode()
    assert "What CloudWatch says happened" in html
    assert "Alarm updated from OK to ALARM" in html


def test_a_refusal_is_noted_and_keeps_what_is_known(account: AwsAccount, dead_aws: None) -> None:
    at = now()
    Alarm.objects.create(platform=account.sources.get().platform, origin="cloudwatch", account=account, name="busy",
                         key=f"arn:aws:cloudwatch:{REGION}:1:alarm:busy", since=at, fetched_at=at)  # fmt: skip
    assert history_read(account=account, region=REGION, at=at) == 0
    assert ResourcePoll.objects.get(kind="alarm_history").error
