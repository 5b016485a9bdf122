"""X-Ray is read as it stands: a missing permission is said, old rows keep their age, other platforms stay hidden."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest.mock import MagicMock

import pytest
from django.test import Client

from monitoring.collector import traces as collector
from monitoring.collector.traces import read_traces
from monitoring.models import AwsAccount, TraceReading
from monitoring.selectors.traces import traces
from opsportal.accounts.models import User
from opsportal.aws import xray
from opsportal.aws.errors import AwsDeniedError
from opsportal.aws.session import AwsAccount as Session
from opsportal.aws.xray import ErrorTrace, SamplingRule, TraceEdge
from opsportal.core.actor import system_actor
from opsportal.core.clock import now
from opsportal.local.aws.catalogue import ACCOUNT, EXTERNAL_IDS, REGION, ROLE_NAME
from opsportal.platforms.models import Platform
from tests.factories.monitoring import account_of, service_of
from tests.local.aws.simulator import Simulator

pytestmark = pytest.mark.django_db
BY = system_actor("tests")
URL = "https://shop.example.com/orders?mail=ada@example.com"


@pytest.fixture
def account(platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch) -> AwsAccount:
    service = service_of(platform)
    service.selectors = {"ecs_service": "web-api"}
    service.save()
    edges = [
        TraceEdge("client", "web-api", "AWS::ECS::Container", 100, 2, 9, 1, 12.0),
        TraceEdge("web-api", "cart-db", "Database::SQL", 0, 0, 0, 0, 0.0),
        TraceEdge("client", "other-api", "AWS::ECS::Container", 50, 0, 0, 0, 1.0),
    ]
    cause = "web-api: TimeoutException no answer of 10.0.0.7"
    errors = [
        ErrorTrace("1-a-b", at, 5.0, "GET", URL, 500, "fault", ("web-api",), cause),
        ErrorTrace("1-c-d", at, 1.0, "GET", URL, 500, "fault", ("other-api",), ""),
    ]
    rules = [
        SamplingRule("Web", 1, 0.01, 1, "web-api", "*", "*"),
        SamplingRule("Other", 2, 1.0, 1, "other-api", "*", "*"),
    ]
    monkeypatch.setattr(xray, "service_graph", lambda *_args, **_more: edges)
    monkeypatch.setattr(xray, "error_traces", lambda *_args, **_more: errors)
    monkeypatch.setattr(xray, "sampling_rules", lambda *_args: rules)
    return account_of(platform, at=at)


def test_only_what_touches_ones_own_services_is_shown(platform: Platform, account: AwsAccount, at: datetime) -> None:
    assert read_traces(account=account, region=REGION, at=at) == 3
    found = traces(BY, at=at, platform_id=platform.pk)
    assert [(edge.source, edge.target, edge.state) for edge in found.edges] == [
        ("client", "web-api", "fail"),
        ("web-api", "cart-db", "unknown"),  # nothing was called: not known, never fine
    ]
    assert (found.edges[0].fault_share, found.edges[0].average_ms) == (0.09, 120.0)
    assert found.edges[1].average_ms is None
    assert [row["identifier"] for row in found.errors] == ["1-a-b"]
    assert [rule["name"] for rule in found.rules] == ["Web"]


def test_what_may_speak_of_a_person_is_not_kept(account: AwsAccount, at: datetime) -> None:
    read_traces(account=account, region=REGION, at=at)
    row = TraceReading.objects.get(kind="errors").rows[0]
    assert row["url"] == "https://shop.example.com/orders"
    assert row["cause"] == "web-api: TimeoutException no answer of [address]"


def test_a_missing_permission_keeps_the_rows_and_is_could_not_check(
    platform: Platform, account: AwsAccount, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_traces(account=account, region=REGION, at=at)

    def denied(*_args: object, **_more: object) -> list[TraceEdge]:
        raise AwsDeniedError(what="xray", permission="xray:GetServiceGraph", code="AccessDenied", detail="not allowed")

    monkeypatch.setattr(xray, "service_graph", denied)
    later = at + timedelta(minutes=5)
    assert read_traces(account=account, region=REGION, at=later) == 2
    (read,) = traces(BY, at=later, platform_id=platform.pk).of("graph")
    assert (read.reading.fetched_at, read.reading.permission) == (at, "xray:GetServiceGraph")
    assert read.trouble.startswith("Could not check")
    assert len(traces(BY, at=later).edges) == 2


def test_an_old_reading_says_so(account: AwsAccount, at: datetime) -> None:
    read_traces(account=account, region=REGION, at=at)
    assert [read.trouble for read in traces(BY, at=at).reads] == ["", "", ""]
    late = traces(BY, at=at + timedelta(minutes=16)).reads
    assert {read.trouble for read in late} == {"It was not read lately."}
    assert {edge.state for edge in traces(BY, at=at + timedelta(minutes=16)).edges} == {"stale"}


def test_the_page_and_the_api_show_it(
    platform: Platform, account: AwsAccount, viewer: User, stranger: User, client_for: Callable[..., Client]
) -> None:
    client = client_for(viewer)
    assert "It is not known who calls whom" in client.get("/monitoring/traces/").content.decode()
    read_traces(account=account, region=REGION, at=now())
    TraceReading.objects.filter(kind="graph").update(rows=[])
    assert "No traced call in 15 minutes" in client.get("/monitoring/traces/").content.decode()
    read_traces(account=account, region=REGION, at=now())
    page = client.get("/monitoring/traces/?service=web").content.decode()
    assert "TimeoutException" in page
    assert "other-api" not in page
    answer = client.get("/api/v1/traces/").json()
    assert [edge["state"] for edge in answer["edges"]] == ["fail", "unknown"]
    assert client_for(stranger).get("/monitoring/traces/").content.decode().count("TimeoutException") == 0


def test_of_many_failed_requests_the_newest_are_kept(at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"Id": f"1-{n}", "StartTime": at + timedelta(minutes=n)} for n in range(4)]
    pages = [{"TraceSummaries": rows[:2]}, {"TraceSummaries": rows[2:]}]
    aws = MagicMock()
    aws.get_paginator.return_value.paginate.return_value = pages
    monkeypatch.setattr(xray, "client", lambda *_args: aws)
    session = Session("1" * 12, (REGION,))
    found = xray.error_traces(session, REGION, start=at, end=at + timedelta(hours=1), most=2)
    assert [row.identifier for row in found] == ["1-3", "1-2"]


@pytest.mark.aws
def test_the_living_shop_answers(platform: Platform, simulated_aws: Simulator) -> None:
    at = datetime.now(UTC)
    account = AwsAccount.objects.create(
        account_id=ACCOUNT, name="Shops", regions=[REGION], created_at=at,
        role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE_NAME}", external_id=EXTERNAL_IDS[ACCOUNT],
    )  # fmt: skip
    platform.metric_sources.create(account=account, region=REGION)
    service = service_of(platform)
    service.selectors = {"ecs_service": "bookstore-api"}
    service.save()
    assert read_traces(account=account, region=REGION, at=at) == len(collector.READERS)
    found = traces(BY, at=at)
    assert {edge.target for edge in found.edges if edge.source == "bookstore-api"} >= {"bookstore-production"}
    assert {rule["rate"] for rule in found.rules} == {0.01, 0.05}
