"""What stood in a section of a review before it was saved again stays readable: who, when, what it changed (M-PIR)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from importlib import import_module

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test import Client

from incidents.models import Incident, Review, ReviewSection, SectionText
from incidents.selectors.kept_texts import SIZE
from incidents.services import incident_describe, incident_resolve, review_draft, review_section_edit
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.e2e.hostile import hostile
from tests.factories.incidents import SYSTEM, declare

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def section(platform: Platform, at: datetime, operator: User, actor_for: ActorFor) -> ReviewSection:
    """The cause of a review that was drafted from the record."""
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at, label="P0")
    over = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=SYSTEM, at=at, incident=over)
    return ReviewSection.objects.select_related("review__incident").get(review=review, key="cause")


def saved(section: ReviewSection, body: str, *, by: Actor, at: datetime) -> ReviewSection:
    return review_section_edit(by=by, at=at, section=section, expected=section.version, body=body)


def written(section: ReviewSection, at: datetime, first: Actor, second: Actor) -> ReviewSection:
    """Two people wrote after the record did."""
    saved(section, "The pool.\nIt was small.", by=first, at=at + MINUTE)
    return saved(section, "The pool.\nIt was far too small.", by=second, at=at + 2 * MINUTE)


def texts_of(section: ReviewSection) -> list[tuple[int, str, str | None, datetime]]:
    rows = SectionText.objects.filter(section=section).order_by("version")
    return list(rows.values_list("version", "body", "saved_by__name", "saved_at"))


def test_each_save_is_kept_with_who_and_when_and_the_database_lets_nobody_change_it(
    section: ReviewSection, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    drafted = section.body
    written(section, at, actor_for(operator), actor_for(commander))
    assert texts_of(section) == [
        (1, drafted, None, at),
        (2, "The pool.\nIt was small.", operator.name, at + MINUTE),
        (3, "The pool.\nIt was far too small.", commander.name, at + 2 * MINUTE),
    ]
    rows = SectionText.objects.filter(section=section)
    for act in (lambda: rows.update(body="x"), lambda: rows._raw_delete("default")):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            act()


def test_what_the_record_drafts_again_is_kept_too(
    section: ReviewSection, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    drafted, incident = section.body, Incident.objects.get(pk=section.review.incident_id)
    by, late = actor_for(operator), at + 3 * MINUTE
    incident_describe(by=by, at=late, incident=incident, expected=incident.version, changes={"cause": "The pool"})
    (first, second) = texts_of(section)
    assert first == (1, drafted, None, at)
    assert (second[0], second[2], second[3]) == (2, None, late)
    assert "The pool" in second[1]
    others = SectionText.objects.filter(section__review=section.review_id, version=2).exclude(section=section)
    assert not others.exists(), "only what changed is saved"


def test_the_page_shows_what_each_version_changed_and_its_whole_text(
    section: ReviewSection, at: datetime, operator: User, commander: User, viewer: User, actor_for: ActorFor,
    client_for: ClientFor,
) -> None:  # fmt: skip
    client = client_for(viewer)
    assert section.texts_url not in client.get(section.review.url).content.decode(), "nothing stood before"
    assert "Nothing stood before" in client.get(section.texts_url).content.decode()
    written(section, at, actor_for(operator), actor_for(commander))
    assert f'href="{section.texts_url}"' in client.get(section.review.url).content.decode()
    assert f'href="{section.texts_url}"' in client_for(operator).get(section.url).content.decode()
    page = client.get(section.texts_url).content.decode()
    assert "What version 3 changed" in page
    assert " The pool.\n<del>-It was small.</del>\n<ins>+It was far too small.</ins>\n" in page
    assert f"Saved by {commander.name}" in page
    assert f"over version 2 by {operator.name}" in page
    assert page.count("stands now") == 1
    older = client.get(f"{section.texts_url}?version=2").content.decode()
    assert "Version 2, whole" in older
    assert "far too small" not in older
    assert "over version 1 by the record" in older
    for wrong in ("0", "4", "x", "9" * 30):
        assert client.get(f"{section.texts_url}?version={wrong}").status_code == 404, wrong
    assert client.get(f"{section.review.url}sections/nothing/texts/").status_code == 404


def test_long_histories_are_read_page_by_page(
    section: ReviewSection, at: datetime, operator: User, viewer: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    for number in range(SIZE + 2):
        saved(section, f"Text {number}", by=actor_for(operator), at=at)
    client = client_for(viewer)
    page = client.get(section.texts_url).content.decode()
    assert page.count("?version=") == SIZE
    cursor = unescape(page.split('href="?cursor=')[1].split('"')[0])
    older = client.get(f"{section.texts_url}?cursor={cursor}").content.decode()
    assert "Version 1<" in older
    assert older.count("?version=") == 3


def test_programs_read_every_text_newest_first(
    section: ReviewSection, at: datetime, operator: User, commander: User, viewer: User, stranger: User,
    actor_for: ActorFor, client_for: ClientFor,
) -> None:  # fmt: skip
    written(section, at, actor_for(operator), actor_for(commander))
    url = f"/api/v1{section.texts_url}"
    answer = client_for(viewer).get(url, {"size": 2}).json()
    assert [(row["version"], row["saved_by"]) for row in answer["results"]] == [(3, commander.name), (2, operator.name)]
    rest = client_for(viewer).get(url, {"cursor": answer["next_cursor"]}).json()["results"]
    assert [(row["version"], row["saved_by"]) for row in rest] == [(1, None)]
    assert client_for(viewer).get(f"/api/v1{section.review.url}sections/nothing/texts/").status_code == 404
    assert client_for(stranger).get(url).status_code == 404


def test_who_lost_the_race_sees_what_the_other_changed_and_the_way_to_all_texts(
    section: ReviewSection, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    written(section, at, actor_for(operator), actor_for(commander))
    client = client_for(operator)
    page = client.post(section.url, {"version": "2", "body": "Mine."})
    assert page.status_code == 409
    text = page.content.decode()
    assert "What changed since you opened it" in text
    assert "<del>-It was small.</del>" in text
    assert f'href="{section.texts_url}"' in text
    assert "Mine." in text
    unknown = client.post(section.url, {"version": "77", "body": "Mine."}).content.decode()
    assert "What stood when you opened it was not kept." in unknown
    assert ReviewSection.objects.get(pk=section.pk).body.endswith("far too small.")


def test_texts_that_try_to_become_markup_stay_text(
    section: ReviewSection, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    saved(section, hostile(), by=by, at=at)
    saved(section, f"x\n{hostile()}", by=by, at=at)
    client = client_for(operator)
    for page in (client.get(section.texts_url), client.post(section.url, {"version": "2", "body": "Mine."})):
        text = page.content.decode()
        for made in ("<script>xss", "<img src=x", "<svg onload", "<iframe", "<object", "<x "):
            assert made not in text, made
        assert "&lt;img src=x onerror" in text


def test_what_stands_when_the_portal_begins_to_keep_texts_is_the_first_that_is_kept(
    platform: Platform, at: datetime, operator: User, viewer: User, client_for: ClientFor
) -> None:
    review = Review.objects.create(incident=declare(platform, by=SYSTEM, at=at), drafted_at=at)
    edited = {"edited_by": operator, "edited_at": at + MINUTE}
    section = ReviewSection.objects.create(
        review=review, key="cause", title="Cause", position=1, body="The pool.", version=4, **edited
    )
    client = client_for(viewer)
    assert "No text was saved here" in client.get(section.texts_url).content.decode()
    with connection.cursor() as cursor:
        cursor.execute(import_module("incidents.migrations.0014_section_texts").PRESENT)
    assert texts_of(section) == [(4, "The pool.", operator.name, at + MINUTE)]
    page = client.get(section.texts_url).content.decode()
    assert "did not keep texts yet when version 4 was saved" in page
    assert "The pool." in page
