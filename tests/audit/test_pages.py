"""The auditors' page and its CSV."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.audit.services import record
from opsportal.core.actor import Actor
from opsportal.core.spreadsheets import safe_cell
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
ClientFor = Callable[..., Client]


@pytest.fixture
def entries(platform: Platform, other_platform: Platform, operator: User) -> None:
    by = Actor(kind="user", name="x", user_id=operator.pk)
    for n, verb in enumerate(("shop.order.opened", "shop.order.closed", "shop.note.added")):
        record(by=by, at=AT, verb=verb, obj_kind="order", obj_id=n, platform_id=platform.pk, data={"formula": "-1+1"})
    record(by=by, at=AT, verb="elsewhere.thing.done", obj_kind="thing", obj_id=9, platform_id=other_platform.pk)
    record(by=by, at=AT, verb="portal.person.invited", obj_kind="person", obj_id=1, platform_id=None)


def rows(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/reports/audit.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(answer.getvalue().decode().splitlines()))


@pytest.mark.usefixtures("entries")
def test_an_auditor_reads_the_chains_of_own_platforms(auditor: User, client_for: ClientFor) -> None:
    text = client_for(auditor).get("/reports/audit/").text
    assert "shop.order.opened" in text
    assert "Operator" in text
    for hidden in ("elsewhere.thing.done", "portal.person.invited", "Elsewhere"):
        assert hidden not in text
    assert [row["verb"] for row in rows(client_for(auditor))] == [
        "shop.order.opened",
        "shop.order.closed",
        "shop.note.added",
    ]


@pytest.mark.usefixtures("entries")
def test_a_portal_administrator_reads_the_portals_chain(portal_admin: User, client_for: ClientFor) -> None:
    assert [row["verb"] for row in rows(client_for(portal_admin))] == ["portal.person.invited"]


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("name", ["viewer", "operator", "commander", "manager"])
def test_others_are_refused(name: str, client_for: ClientFor, request: pytest.FixtureRequest) -> None:
    client = client_for(request.getfixturevalue(name))
    assert client.get("/reports/audit/").status_code == 403
    assert client.get("/reports/audit.csv").status_code == 403


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    "query, expected",
    [
        ("?verb=shop.order", 2),
        ("?obj_id=2", 1),
        ("?obj_kind=thing", 0),
        ("?since=2026-03-10&until=2026-03-10", 3),
        ("?since=2026-03-11", 0),
        ("?until=2026-03-09", 0),
    ],
)
def test_the_filter_narrows(query: str, expected: int, auditor: User, client_for: ClientFor) -> None:
    assert len(rows(client_for(auditor), query)) == expected


@pytest.mark.usefixtures("entries")
def test_a_formula_stays_text_in_a_spreadsheet(auditor: User, client_for: ClientFor) -> None:
    assert rows(client_for(auditor))[0]["data"] == "formula -1+1"
    assert [safe_cell(text) for text in ("=1+1", "-1", "@x", "ok")] == ["'=1+1", "'-1", "'@x", "ok"]


@pytest.mark.usefixtures("entries")
def test_bad_input_is_no_error_of_ours(bad_text: str, auditor: User, client_for: ClientFor) -> None:
    client = client_for(auditor)
    for field in ("platform", "verb", "obj_kind", "obj_id", "user", "since", "until", "cursor"):
        try:
            answer = client.get("/reports/audit/", {field: bad_text[:4000]})
        except UnicodeEncodeError:
            return  # no browser can send it
        assert answer.status_code < 500
