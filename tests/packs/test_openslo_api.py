"""OpenSLO by API: out and in again, whole or not at all, every lossy place named by its line."""

from collections.abc import Callable

import pytest
from django.test import Client

from monitoring.models import Slo
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.accounts import token_persona
from tests.factories.monitoring import service_of, slo_of
from tests.packs.test_openslo import GOOD

ClientFor = Callable[..., Client]
ADDRESS = "/api/v1/openslo/"
JSON = "application/json"
pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin: User, client_for: ClientFor) -> Client:
    return client_for(token_persona(admin, "slo:write", "export"))


def test_what_is_given_out_is_taken_in_as_it_was(client: Client, platform: Platform) -> None:
    slo_of(platform, at=now(), window_kind="quarter", zone="Europe/Berlin")
    given = client.get(ADDRESS, {"platform": platform.key})
    assert (given.status_code, given["Content-Type"]) == (200, "application/yaml")
    text = given.content.decode()
    same = client.post(ADDRESS, {"platform": platform.key, "text": text}, content_type=JSON)
    assert [(row["version"], row["is_new"]) for row in same.json()["results"]] == [(1, False)], same.content
    other = text.replace("targetPercent: 99.9", "targetPercent: 99.5")
    headers = {"Idempotency-Key": "take-1"}
    for _ in range(2):
        taken = client.post(ADDRESS, {"platform": platform.key, "text": other}, content_type=JSON, headers=headers)
        assert [(row["version"], row["is_new"]) for row in taken.json()["results"]] == [(2, True)]
    assert Slo.objects.get().versions.count() == 2


def test_what_could_not_be_kept_is_listed_by_line_and_nothing_is_changed(client: Client, platform: Platform) -> None:
    service_of(platform)
    text = (
        GOOD
        + "---\n"
        + GOOD.replace("name: checkout\n", "name: basket\n").replace(
            "  service: web", "  service: attic\n  alertPolicies: [x]"
        )
    )
    answer = client.post(ADDRESS, {"platform": platform.key, "text": text}, content_type=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    told = [error["detail"] for error in answer.json()["errors"]]
    line = GOOD.count("\n") + 1
    assert told == [
        f"line {line + 8}, spec.alertPolicies: cannot be kept here; take it out, or keep it elsewhere",
        f"line {line + 7}, spec.service: is no service of this platform",
    ]
    assert {error["field"] for error in answer.json()["errors"]} == {"text"}
    assert not Slo.objects.exists()


def test_rights_are_those_of_objectives(
    platform: Platform, operator: User, stranger: User, client_for: ClientFor
) -> None:
    body = {"platform": platform.key, "text": GOOD}
    reader = client_for(token_persona(operator, "export"))
    assert reader.get(ADDRESS, {"platform": platform.key}).status_code == 200
    assert reader.get(ADDRESS).status_code == 400
    assert reader.post(ADDRESS, body, content_type=JSON).status_code == 403
    assert client_for(token_persona(stranger, "export")).get(ADDRESS, {"platform": platform.key}).status_code == 404
    assert not Slo.objects.exists()
