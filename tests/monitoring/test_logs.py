"""Log questions: one deadline for all log groups, and what answered is kept."""

from datetime import datetime
from typing import Any

import pytest

from monitoring.evidence.runner import run_check
from monitoring.logs import ALL_SECONDS, MOST_PLACES, LogsError, ask_logs, places_of
from monitoring.models import AwsAccount, Resource, ResourceKind
from opsportal.aws import ecs, logs
from opsportal.aws.errors import AwsRejectedError
from opsportal.aws.logs import LogAnswer
from opsportal.core.actor import system_actor
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db


@pytest.fixture
def waited(platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Two services of which the second has no log group any more; the list gets how long each may take."""
    account = AwsAccount.objects.create(account_id="1" * 12, name="Shops", regions=["eu-west-1"], created_at=at)
    web = platform.services.get(key="web")
    for name in ("a", "b"):
        Resource.objects.create(
            platform=platform, account=account, region="eu-west-1", kind=ResourceKind.ECS_SERVICE, identifier=name,
            service=web, data={"task_definition": name}, fetched_at=at,
        )  # fmt: skip
    seconds: list[float] = []

    def query(*_args: Any, groups: list[str], **more: Any) -> LogAnswer:
        seconds.append(more["seconds"])
        if groups == ["/b"]:
            raise AwsRejectedError(what="logs", permission="logs:StartQuery", code="x", detail="no such group")
        return LogAnswer(({"@message": "down"},), 0)

    monkeypatch.setattr(ecs, "log_groups", lambda _session, _region, name: [f"/{name}"])
    monkeypatch.setattr(logs, "query", query)
    return seconds


def test_what_answered_is_kept_and_what_did_not_is_named(platform: Platform, at: datetime, waited: list[float]) -> None:
    found = ask_logs(platform_id=platform.pk, service="web", text="", minutes=5, at=at, limit=5)
    assert found.groups == ["/a"]
    assert len(found.rows) == 1
    assert found.missed == ["b: logs: no such group"]
    assert waited[0] <= ALL_SECONDS / 2
    Resource.objects.filter(identifier="a").delete()
    with pytest.raises(LogsError, match="no such group"):
        ask_logs(platform_id=platform.pk, service="web", text="", minutes=5, at=at, limit=5)


def test_a_place_too_many_is_named(platform: Platform, at: datetime, waited: list[float]) -> None:
    first = Resource.objects.get(identifier="a")
    for number in range(4):
        first.pk, first.identifier = None, f"c{number}"
        first.save(force_insert=True)
    found = ask_logs(platform_id=platform.pk, service="web", text="", minutes=5, at=at, limit=5)
    assert len(waited) == MOST_PLACES
    assert found.missed[0] == "c3 in eu-west-1 was not asked: 5 places at most are."


def test_of_many_places_too_many_a_few_are_named_and_the_rest_counted(
    platform: Platform, at: datetime, waited: list[float]
) -> None:
    first = Resource.objects.get(identifier="a")
    for number in range(43):
        first.pk, first.identifier = None, f"c{number:02}"
        first.save(force_insert=True)
    assert [place.name for place in places_of(platform_id=platform.pk, service="web")][4:] == [
        "c02",
        "c03",
        "c04",
        "c05",
    ]
    found = ask_logs(platform_id=platform.pk, service="web", text="", minutes=5, at=at, limit=5)
    assert [said.partition(" not asked")[0] for said in found.missed if "not asked" in said] == [
        "c03 in eu-west-1 was", "c04 in eu-west-1 was", "c05 in eu-west-1 and 37 more were",
    ]  # fmt: skip


def test_no_line_of_those_that_answered_is_no_ok(
    platform: Platform, at: datetime, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = logs.query

    def query(*args: Any, **more: Any) -> LogAnswer:
        broken(*args, **more)
        return LogAnswer((), 0)

    monkeypatch.setattr(logs, "query", query)
    params = {"service": "web", "minutes": 5}
    kept = run_check(platform=platform, name="logs.errors", params=params, at=at, by=system_actor("tests"))
    assert kept.verdict == "unknown"
    assert "not all answered: b: logs: no such group" in kept.summary
    assert len(waited) == 2
