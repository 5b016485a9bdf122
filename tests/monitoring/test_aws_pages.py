from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.models import AwsAccount
from opsportal.accounts.models import User
from opsportal.aws.policy import OPERATIONS
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
AWS: dict[str, Any] = {
    "name": "Shop", "role_arn": "arn:aws:iam::333333333333:role/opsportal", "external_id": "ops-1",
    "regions": "eu-west-1 us-east-1", "cost_cap_usd": "100",
}  # fmt: skip


def test_only_a_portal_administrator_connects_aws(admin: User, portal_admin: User, client_for: ClientFor) -> None:
    url = reverse("monitoring:connect-aws")
    assert client_for(admin).get(url).status_code == 403
    assert client_for(admin).post(reverse("monitoring:aws-connect"), AWS).status_code == 403
    page = client_for(portal_admin).get(url + "?new=1").content.decode()
    assert "cloudwatch:GetMetricData" in page
    assert "secret" not in page.lower().replace("no secret key", "").replace("secretsmanager:getsecretvalue", "")


def test_connecting_needs_a_fresh_second_factor(portal_admin: User, client_for: ClientFor) -> None:
    response = client_for(portal_admin, mfa=False).post(reverse("monitoring:aws-connect"), AWS)
    assert response.status_code in (302, 303)
    assert not AwsAccount.objects.filter(account_id="333333333333").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"role_arn": "AKIAIOSFODNN7EXAMPLE"}, {"regions": "mars"}, {"regions": ""}, {"cost_cap_usd": "-1"},
        {"act_role_arn": "AKIAIOSFODNN7EXAMPLE"}, {"act_role_arn": "arn:aws:iam::444444444444:role/act"},
        {"act_role_arn": AWS["role_arn"]},
    ],
)  # fmt: skip
def test_what_is_no_role_or_region_is_refused(
    portal_admin: User, client_for: ClientFor, change: dict[str, str]
) -> None:
    assert client_for(portal_admin).post(reverse("monitoring:aws-connect"), AWS | change).status_code == 422
    assert not AwsAccount.objects.exists()


def test_connect_check_give_a_platform_and_disconnect(
    platform: Platform, portal_admin: User, client_for: ClientFor, simulated_aws: Any
) -> None:
    client = client_for(portal_admin)
    data = AWS | {
        "role_arn": "arn:aws:iam::123456789012:role/opsportal-read", "external_id": "opsportal-demo",
        "regions": "us-east-1",
    }  # fmt: skip
    assert client.post(reverse("monitoring:aws-connect"), data).status_code == 303
    account = AwsAccount.objects.get()
    page = client.get(reverse("monitoring:aws-account", args=[account.pk])).content.decode()
    assert f"{len(OPERATIONS)} allowed" in page
    assert client.post(reverse("monitoring:aws-check", args=[account.pk])).status_code == 303
    assert "none, so nothing can be changed there" in page
    acting = data | {"version": account.version, "act_role_arn": "arn:aws:iam::123456789012:role/opsportal-act"}
    assert client.post(reverse("monitoring:aws-change", args=[account.pk]), acting).status_code == 303
    account.refresh_from_db()
    assert account.act_role_arn.endswith(":role/opsportal-act")
    again = client.post(reverse("monitoring:aws-connect"), data | {"external_id": "another", "cost_cap_usd": "1"})
    assert (again.status_code, "is here already" in again.content.decode()) == (422, True)
    assert AwsAccount.objects.get().external_id == "opsportal-demo"
    source = reverse("monitoring:aws-source", args=[account.pk])
    refused = client.post(source, {"platform": "x", "region": "us-east-1"})
    assert (refused.status_code, "Enter a whole number." in refused.content.decode()) == (422, True)
    assert client.post(source, {"platform": platform.pk, "region": "us-east-1"}).status_code == 303
    assert platform.metric_sources.get().account == account
    account.refresh_from_db()
    change = reverse("monitoring:aws-change", args=[account.pk])
    assert client.post(change, data | {"name": "New name", "version": 99}).status_code == 409
    other = data | {"role_arn": "arn:aws:iam::999999999999:role/x", "version": account.version}
    assert client.post(change, other).status_code == 422
    assert client.post(change, data | {"name": "New name", "version": account.version}).status_code == 303
    account.refresh_from_db()
    capped = data | {"name": "New name", "cost_cap_usd": "70"}
    assert client.post(change, capped | {"version": account.version - 1}).status_code == 409
    assert client.post(change, capped | {"version": account.version}).status_code == 303
    account.refresh_from_db()
    stop = reverse("monitoring:aws-disconnect", args=[account.pk])
    assert client.post(stop).status_code == 400
    assert client.post(stop, {"version": account.version}).status_code == 303
    account.refresh_from_db()
    assert (account.name, account.cost_cap_usd, account.enabled) == ("New name", Decimal(70), False)
