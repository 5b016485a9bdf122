"""SQL that was written once gives what SQL written anew would."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from opsportal.accounts.actors import user_actor
from opsportal.accounts.models import User
from opsportal.core import prepared
from opsportal.core.actor import ANONYMOUS, Actor, system_actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare

pytestmark = pytest.mark.django_db


def _titles(actor: Actor, platform_id: Any, ids: Any) -> Any:
    rows = Incident.objects.visible_to(actor).filter(pk__in=ids)
    return (rows if platform_id is None else rows.filter(platform_id=platform_id)).values_list("title").order_by("pk")


def _read(actor: Actor, ids: list[int], platform_id: int | None = None) -> list[str]:
    return [title for (title,) in prepared.rows(_titles, actor, platform_id=platform_id, ids=ids)]


@pytest.fixture
def ids(platform: Platform, other_platform: Platform, commander: User, at: datetime) -> list[int]:
    by = user_actor(commander)
    made = [
        declare(platform, by=by, at=at, title="Open to all"),
        declare(platform, by=by, at=at, title="Restricted", type="security"),
        declare(other_platform, by=system_actor("tests"), at=at, title="Elsewhere"),
    ]
    return [incident.pk for incident in made]


def test_each_person_reads_with_their_own_rights(
    ids: list[int], operator: User, auditor: User, commander: User, stranger: User
) -> None:
    assert _read(user_actor(operator), ids) == ["Open to all"]
    assert _read(user_actor(commander), ids) == ["Open to all", "Restricted"]
    assert _read(user_actor(auditor), ids) == ["Open to all", "Restricted"]
    assert _read(user_actor(stranger), ids) == ["Elsewhere"]
    assert _read(replace(user_actor(operator), roles={}), ids) == []
    assert _read(system_actor("tests"), ids) == ["Open to all", "Restricted", "Elsewhere"]
    assert _read(ANONYMOUS, ids) == []


def test_values_are_those_of_this_call(
    ids: list[int], commander: User, platform: Platform, other_platform: Platform
) -> None:
    actor = user_actor(commander)
    assert _read(actor, ids[:1]) == ["Open to all"]
    assert _read(actor, ids[1:2]) == ["Restricted"]
    assert _read(actor, []) == []
    assert _read(actor, ids, platform.pk) == ["Open to all", "Restricted"]
    assert _read(actor, ids, other_platform.pk) == []


def test_django_writes_it_once(ids: list[int], operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = user_actor(operator)
    _read(actor, ids)

    def refuse(*_args: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(Incident.objects, "visible_to", refuse)
    with CaptureQueriesContext(connection) as asked:
        assert _read(actor, ids) == ["Open to all"]
    assert len(asked) == 1


def test_several_reads_are_one_question(ids: list[int], operator: User) -> None:
    reads = [prepared.Read(_titles, {"platform_id": None, "ids": some}) for some in (ids[:1], [], ids)]
    for actor, third in ((user_actor(operator), 1), (system_actor("tests"), 3)):
        found = prepared.together(actor, *reads)
        assert [len(rows) for rows in found] == [1, 0, third]
    with CaptureQueriesContext(connection) as asked:
        prepared.together(user_actor(operator), *reads)
    assert sum("incidents_incident" in query["sql"] for query in asked.captured_queries) == 1
    assert "unnest" not in asked.captured_queries[-1]["sql"]


def test_a_read_of_its_own_closure_is_refused(operator: User) -> None:
    limit = 3

    def some(actor: Actor) -> Any:
        return Incident.objects.visible_to(actor).values_list("title")[:limit]

    with pytest.raises(TypeError, match="a function of a module"):
        prepared.rows(some, user_actor(operator))
