"""Retrospectives, problems and cause chains keep what stood in them as review sections do (M-PIR-04, M-INC-12)."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from incidents.choices import LookBack
from incidents.models import Cause, CauseText, Problem, ProblemText, Retrospective, RetrospectiveText, Review
from incidents.services import (
    cause_add,
    cause_change,
    cause_remove,
    incident_resolve,
    problem_change,
    problem_open,
    retrospective_close,
    retrospective_open,
    retrospective_write,
    review_draft,
)
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
FIRST = date(2026, 2, 23)


@pytest.fixture
def by(operator: User, actor_for: Callable[..., Actor]) -> Actor:
    return actor_for(operator)


@pytest.fixture
def row(platform: Platform, at: datetime, by: Actor) -> Retrospective:
    """A retrospective that was written twice."""
    row = retrospective_open(by=SYSTEM, at=at, platform=platform, kind=LookBack.BIWEEKLY, starts_on=FIRST)
    for expected, well in enumerate(("Fast rollback", "Slow rollback"), start=1):
        texts = {"well": well, "improve": "Alarms", "actions": ""}
        row = retrospective_write(by=by, at=at + expected * MINUTE, row=row, expected=expected, **texts)
    return row


@pytest.fixture
def problem(platform: Platform, at: datetime, by: Actor) -> Problem:
    """One whose analysis was written after it was opened, and that was rated since."""
    opened = problem_open(by=by, at=at, platform_id=platform.pk, values={"title": "Pool", "impact": "Slow"})
    written = {"title": "Pool", "impact": "Slow", "analysis": "It is too small", "priority": 2}
    opened = problem_change(by=by, at=at + MINUTE, problem=opened, expected=1, values=written)
    return problem_change(by=by, at=at + 2 * MINUTE, problem=opened, expected=2, values={**written, "priority": 1})


@pytest.fixture
def review(platform: Platform, at: datetime, by: Actor) -> Review:
    """One whose cause chain was written, worded better, and cut."""
    incident = declare(platform, by=by, at=at, label="P0")
    over = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=SYSTEM, at=at, incident=over)
    root = cause_add(by=by, at=at, review=review, parent=None, kind="root", text="The pool ran dry")
    why = cause_add(by=by, at=at, review=review, parent=root, kind="contributing", text="It was small")
    root = cause_change(by=by, at=at, cause=root, expected=1, kind="root", text="The pool was empty")
    cause_remove(by=by, at=at, cause=why, expected=1)
    review.refresh_from_db()
    return review


def bodies(rows: Any) -> list[tuple[int, str]]:
    return list(rows.order_by("version").values_list("version", "body"))


def test_each_save_is_kept_and_the_database_lets_nobody_change_it(
    row: Retrospective, problem: Problem, review: Review, operator: User
) -> None:
    first = "## Went well\n\nFast rollback\n\n## To improve\n\nAlarms\n\n## What follows"
    assert bodies(row.texts) == [(1, ""), (2, first), (3, first.replace("Fast", "Slow"))]
    assert [text.who for text in row.texts.order_by("version")] == ["the portal", operator.name, operator.name]
    assert [version for version, _ in bodies(problem.texts)] == [1, 2], "a rating is no text"
    assert "It is too small" in bodies(problem.texts)[1][1]
    chains = [body for _, body in bodies(review.cause_texts)]
    assert chains[1:] == [
        "- The pool ran dry (root cause)\n  - It was small (contributing)",
        "- The pool was empty (root cause)\n  - It was small (contributing)",
        "- The pool was empty (root cause)",
    ]
    assert bodies(review.cause_texts)[-1][0] == review.version
    for kept in (RetrospectiveText, ProblemText, CauseText):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            kept.objects.update(body="x")


def test_their_pages_show_what_each_version_changed(
    row: Retrospective, problem: Problem, review: Review, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    changed = {
        row.texts_url: ("<del>-Fast rollback</del>\n<ins>+Slow rollback</ins>", row.url),
        problem.texts_url: ("+It is too small", problem.url),
        f"{review.url}causes/texts/": ("<del>-  - It was small (contributing)</del>", review.url),
    }
    for url, (words, owner) in changed.items():
        page = client.get(url).content.decode()
        assert words in page, url
        assert page.count("stands now") == 1, url
        assert f'href="{url}"' in client.get(owner).content.decode(), "the way to them"
        assert client.get(f"{url}?version=99").status_code == 404
        assert client_for(stranger).get(url).status_code == 404
    older = client.get(f"{row.texts_url}?version=2").content.decode()
    assert "Version 2, whole" in older
    assert "Slow rollback" not in older


def test_programs_read_them_newest_first(
    row: Retrospective, problem: Problem, review: Review, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    for url, newest in (
        (row.texts_url, "Slow rollback"),
        (problem.texts_url, "It is too small"),
        (f"{review.url}causes/texts/", "The pool was empty"),
    ):
        rows = client.get(f"/api/v1{url}").json()["results"]
        assert newest in rows[0]["body"], url
        assert [text["version"] for text in rows] == sorted((text["version"] for text in rows), reverse=True)
        assert client_for(stranger).get(f"/api/v1{url}").status_code == 404
    assert client.get(f"/api/v1{row.texts_url}").json()["results"][-1]["saved_by"] is None
    (listed,) = client.get("/api/v1/learnings/retrospectives/").json()["results"]
    assert (listed["id"], listed["well"], listed["version"]) == (row.pk, "Slow rollback", 3)
    assert client_for(stranger).get("/api/v1/learnings/retrospectives/").json()["results"] == []


def test_who_lost_the_race_sees_what_the_other_changed(
    row: Retrospective, commander: User, client_for: ClientFor
) -> None:
    mine = {"well": "Mine", "improve": "Alarms", "actions": "", "version": "2"}
    answer = client_for(commander).post(f"{row.url}write/", mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>-Fast rollback</del>" in page
    assert f'href="{row.texts_url}"' in page


def test_a_version_that_saved_no_text_has_that_of_the_one_before(
    row: Retrospective, problem: Problem, by: Actor, at: datetime
) -> None:
    held = retrospective_close(by=by, at=at, row=row, expected=3, is_last=False)
    assert held.version == 4
    assert held.text_at(4) == held.text_at(3)
    assert held.text_at(5) is None
    assert problem.text_at(3) == problem.text_at(2)


def test_what_stands_when_the_portal_begins_to_keep_texts_is_the_first_that_is_kept(
    platform: Platform, at: datetime
) -> None:
    row = Retrospective.objects.create(platform=platform, kind="monthly", starts_on=FIRST, ends_on=date(2026, 3, 1),
                                       well="Calm", opened_at=at, version=4)  # fmt: skip
    problem = Problem.objects.create(number=900, platform=platform, title="Pool", created_at=at)
    review = Review.objects.create(incident=declare(platform, by=SYSTEM, at=at), drafted_at=at, version=3)
    root = Cause.objects.create(review=review, kind="root", text="Dry", added_at=at)
    Cause.objects.create(review=review, parent=root, kind="contributing", text="Small", added_at=at)
    import_module("incidents.migrations.0017_kept_texts").keep_present(apps, connection.schema_editor())
    assert bodies(row.texts) == [(4, row.whole)]
    assert bodies(problem.texts) == [(1, problem.whole)]
    assert bodies(review.cause_texts) == [(3, "- Dry (root cause)\n  - Small (contributing)")]
