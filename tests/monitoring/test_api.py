from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from monitoring import evaluation
from monitoring.models import Alarm, AwsAccount
from monitoring.store import floor_to
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.monitoring import REGION, metric_of, rule_of, series_named, slo_of, write

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]


@pytest.fixture
def shop(platform: Platform) -> Platform:
    at = floor_to(now(), 300)
    metric_of(platform, at=at)
    rule_of(platform, at=at)
    slo_of(platform, at=at)
    write(series_named("DatabaseConnections"), [96.0], end=at)
    write(series_named("RequestCount"), [100.0] * 3, end=at, period=300, column="sum")
    evaluation.evaluate_account(account=AwsAccount.objects.get(), region=REGION, at=at)
    return platform


def urls() -> list[str]:
    alarm, series = Alarm.objects.get(), series_named("RequestCount")
    return [
        "/api/v1/alarms/", f"/api/v1/alarms/{alarm.pk}/", f"/api/v1/alarms/{alarm.pk}/transitions/",
        "/api/v1/series/", f"/api/v1/series/{series.pk}/points/", "/api/v1/slos/",
        "/api/v1/capacity/", "/api/v1/costs/", "/api/v1/data-quality/",
    ]  # fmt: skip


def test_a_viewer_reads_alarms_series_and_objectives(shop: Platform, viewer: Any, client_for: ClientFor) -> None:
    client = client_for(viewer)
    for url in urls():
        assert client.get(url).status_code == 200, url
    alarm = client.get("/api/v1/alarms/?state=alarm&platform=shop").json()["results"][0]
    assert (alarm["state"], alarm["value"], alarm["rank"], alarm["signal"]) == ("alarm", 96.0, 2, "db-connections")
    points = client.get(urls()[4] + "?range=1h&period=300").json()
    assert [point["sum"] for point in points["points"]] == [100.0] * 3
    assert client.get("/api/v1/slos/").json()["results"][0]["key"] == "availability"


def test_another_platform_sees_nothing(shop: Platform, stranger: Any, client_for: ClientFor) -> None:
    client = client_for(stranger)
    lists, single = urls()[0::1], {1, 2, 4}
    for number, url in enumerate(lists):
        response = client.get(url)
        assert response.status_code == (404 if number in single else 200), url
        if number not in single:
            assert response.json()["results"] == []


def test_nobody_reads_without_signing_in(shop: Platform, anonymous: Any, client_for: ClientFor) -> None:
    for url in urls():
        assert client_for(anonymous).get(url).status_code in (401, 403), url


@pytest.mark.parametrize("query", ["cursor=x", "range=nope", "from=x", "size=-1", "period=7"])
def test_odd_parameters_never_break_it(shop: Platform, viewer: Any, client_for: ClientFor, query: str) -> None:
    for url in urls():
        assert client_for(viewer).get(f"{url}?{query}").status_code in (200, 400), url


def test_nothing_can_be_written(shop: Platform, admin: Any, client_for: ClientFor) -> None:
    for url in urls():
        assert client_for(admin).post(url, {}, content_type="application/json").status_code in (403, 405), url
