"""Exclusions, budget policies and buckets by API and from a shell."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from monitoring.models import BudgetPolicy, Slo, SloExclusion
from monitoring.store import floor_to
from opsportal.accounts.models import User
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.accounts import token_persona
from tests.factories.monitoring import series_named, slo_of, write

ClientFor = Callable[..., Client]
HOUR = timedelta(hours=1)
JSON = "application/json"
EXCLUSIONS = "/api/v1/slo-exclusions/"
SCOPES = ("slo:write", "monitoring:read")
pytestmark = pytest.mark.django_db


@pytest.fixture
def ends() -> datetime:
    return floor_to(now(), 3600)


@pytest.fixture
def slo(platform: Platform, ends: datetime) -> Slo:
    """1,200 requests of the last full hour, 40 of its first five minutes failed."""
    made = slo_of(platform, at=ends - timedelta(days=2))
    write(series_named("RequestCount"), [100.0] * 12, end=ends, period=300, column="sum")
    write(series_named("HTTPCode_Target_5XX_Count"), [40.0] + [None] * 11, end=ends, period=300, column="sum")
    write(series_named("HTTPCode_ELB_5XX_Count"), [None] * 12, end=ends, period=300, column="sum")
    return made


def asked(slo: Slo, ends: datetime) -> dict[str, Any]:
    starts_at = ends - HOUR
    return {
        "slo": slo.pk, "starts_at": starts_at.isoformat(), "ends_at": (starts_at + HOUR / 12).isoformat(),
        "reason": "Load test",
    }  # fmt: skip


def figures(client: Client) -> tuple[Any, Any]:
    [row] = client.get("/api/v1/slos/").json()["results"]
    return row["raw"], row["adjusted"]


def test_an_exclusion_is_asked_approved_and_voided_and_raw_figures_stay(
    slo: Slo, ends: datetime, admin: User, commander: User, client_for: ClientFor
) -> None:
    asker, other = (client_for(token_persona(user, *SCOPES)) for user in (admin, commander))
    raw = pytest.approx(1 - 40 / 1200)
    headers = {"Idempotency-Key": "ask-1"}
    made = asker.post(EXCLUSIONS, asked(slo, ends), content_type=JSON, headers=headers)
    assert (made.status_code, made.json()["state"]) == (201, "waiting"), made.content
    again = asker.post(EXCLUSIONS, asked(slo, ends), content_type=JSON, headers=headers)
    assert (again.json()["id"], SloExclusion.objects.count()) == (made.json()["id"], 1)
    assert figures(other) == (raw, raw)
    address, etag = f"{EXCLUSIONS}{made.json()['id']}/", {"If-Match": made["ETag"]}
    assert other.post(f"{address}approve/", content_type=JSON).status_code == 428
    assert asker.post(f"{address}approve/", content_type=JSON, headers=etag).status_code == 403
    approved = other.post(f"{address}approve/", content_type=JSON, headers=etag)
    assert (approved.status_code, approved.json()["approved_by"]) == (200, commander.name)
    assert figures(other) == (raw, 1.0)
    assert other.post(f"{address}approve/", content_type=JSON, headers=etag).status_code == 412
    etag = {"If-Match": approved["ETag"]}
    assert other.post(f"{address}approve/", content_type=JSON, headers=etag).status_code == 409
    assert other.post(f"{address}void/", {}, content_type=JSON, headers=etag).status_code == 400
    void = other.post(f"{address}void/", {"reason": "It was real"}, content_type=JSON, headers=etag)
    assert (void.status_code, void.json()["state"], void.json()["void_reason"]) == (200, "void", "It was real")
    assert figures(other) == (raw, raw)
    again = other.post(
        f"{address}void/", {"reason": "x"}, content_type=JSON, headers={"If-Match": void["ETag"]}
    )  # fmt: skip
    assert (again.status_code, SloExclusion.objects.get().void_reason) == (409, "It was real")


def test_exclusions_are_listed_by_state(slo: Slo, ends: datetime, admin: User, client_for: ClientFor) -> None:
    client = client_for(token_persona(admin, *SCOPES))
    client.post(EXCLUSIONS, asked(slo, ends), content_type=JSON)
    for query, count in (({}, 1), ({"state": "waiting"}, 1), ({"state": "void"}, 0), ({"slo": slo.pk}, 1),
                         ({"slo": "x"}, 0), ({"platform": "else"}, 0)):  # fmt: skip
        assert len(client.get(EXCLUSIONS, query).json()["results"]) == count, query
    assert client.get(EXCLUSIONS, {"stat": "void"}).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [{"ends_at": "2020-01-01T00:00Z"}, {"ends_at": "2999-01-01T00:00Z"}, {"reason": ""}, {"slo": 0}, {"slo": "all"}],
)
def test_what_cannot_be_excluded_is_a_clear_400(
    slo: Slo, ends: datetime, admin: User, client_for: ClientFor, changes: dict[str, Any]
) -> None:
    client = client_for(token_persona(admin, *SCOPES))
    answer = client.post(EXCLUSIONS, asked(slo, ends) | changes, content_type=JSON)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
    assert [error["field"] for error in answer.json()["errors"]] == list(changes)
    assert not SloExclusion.objects.exists()


def test_the_budget_policy_is_read_and_set_with_its_etag(
    platform: Platform, manager: User, operator: User, client_for: ClientFor
) -> None:
    address = f"/api/v1/budget-policies/{platform.key}/"
    client = client_for(token_persona(manager, *SCOPES))
    held = client.get(address)
    assert held.json() == {
        "platform": platform.key, "is_default": True, "notice_at": 50, "review_at": 75, "freeze_at": 100,
        "review_share": 20,
    }  # fmt: skip
    body = {"notice_at": 40, "review_at": 60, "freeze_at": 90, "review_share": 25}
    headers = {"If-Match": held["ETag"]}
    assert client.put(address, body, content_type=JSON).status_code == 428
    assert client.put(address, body | {"review_at": 95}, content_type=JSON, headers=headers).status_code == 400
    reader = client_for(token_persona(operator, "monitoring:read"))
    assert reader.put(address, body, content_type=JSON, headers=headers).status_code == 403
    kept = client.put(address, body, content_type=JSON, headers=headers)
    assert (kept.status_code, kept.json()["freeze_at"], kept.json()["is_default"]) == (200, 90, False)
    assert client.put(address, body, content_type=JSON, headers=headers).status_code == 412
    again = client.put(address, body | {"freeze_at": 95}, content_type=JSON, headers={"If-Match": kept["ETag"]})
    assert again.status_code == 200
    assert BudgetPolicy.objects.get().freeze_at == 95


def test_buckets_add_up_to_the_figure(slo: Slo, ends: datetime, admin: User, client_for: ClientFor) -> None:
    client, address = client_for(token_persona(admin, *SCOPES)), f"/api/v1/slos/{slo.pk}/buckets/"
    span = {"from": (ends - HOUR).isoformat(), "to": ends.isoformat()}
    small = client.get(address, span | {"res": 5}).json()["results"]
    assert [sum(row[name] for row in small) for name in ("good", "total")] == [1160.0, 1200.0]
    [hour] = client.get(address, span).json()["results"]
    assert (hour["good"], hour["total"], hour["covered"]) == (1160.0, 1200.0, 12)
    [bad] = client.get(address, span | {"res": 5, "bad": 1}).json()["results"]
    assert bad["total"] - bad["good"] == 40.0
    assert client.get(address, span | {"res": 7}).status_code == 400
    assert client.get(address, {"from": "2020-01-01T00:00Z"}).status_code == 400


def test_a_shell_asks_approves_voids_and_sets_the_policy(
    slo: Slo, ends: datetime, platform: Platform, admin: User, commander: User, manager: User,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def said(*words: str, by: User) -> Any:
        call_command("slo", *words, "--as", by.email)
        return json.loads(capsys.readouterr().out)

    span = (f"{ends - HOUR:%Y-%m-%dT%H:%M}", f"{ends:%Y-%m-%dT%H:%M}")
    made = said("exclude", str(slo.pk), *span, "Load test", by=admin)
    assert made["state"] == "waiting"
    with pytest.raises(CommandError, match="Another person"):
        said("approve", str(made["id"]), by=admin)
    assert said("approve", str(made["id"]), by=commander)["state"] == "counting"
    with pytest.raises(CommandError, match="settled"):
        said("approve", str(made["id"]), by=commander)
    assert said("void", str(made["id"]), "It was real", by=commander)["state"] == "void"
    assert [row["state"] for row in said("exclusions", "--platform", platform.key, by=manager)] == ["void"]
    with pytest.raises(CommandError, match="Only"):
        said("exclude", str(slo.pk), *span, "x", by=manager)
    with pytest.raises(CommandError, match="after the beginning"):
        said("exclude", str(slo.pk), *reversed(span), "x", by=admin)
    assert said("policy", platform.key, by=commander)["is_default"] is True
    assert said("policy", platform.key, "--freeze-at", "90", by=manager)["freeze_at"] == 90
    with pytest.raises(CommandError, match="rise"):
        said("policy", platform.key, "--freeze-at", "60", by=manager)
    assert [row["key"] for row in said("list", by=manager)] == [slo.key]
