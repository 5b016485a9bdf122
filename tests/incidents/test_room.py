"""What a person meets in the room beside the record: ways back, long texts, refusals that keep what was typed."""

from collections.abc import Callable
from datetime import datetime
from io import BytesIO

import pytest
from django.test import Client

from incidents.models import ResponseTask, StatusUpdate
from incidents.services import entry_log
from incidents.services.command import role_give
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]


def test_saved_answers_lead_back_to_the_triage(
    client_for: ClientFor, commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    saved = client_for(commander).post(f"{incident.url}triage/", {"version": incident.version, "users": "yes"})
    assert (saved.status_code, saved["Location"]) == (303, f"{incident.url}?tab=triage")


def test_a_very_long_line_stands_folded(
    client_for: ClientFor, commander: User, actor_for: Callable[..., Actor], platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    for body in ("short", "word " * 2_000):
        entry_log(by=actor_for(commander), at=at, incident=incident, body=body)
    page = client_for(commander).get(incident.url).content.decode()
    assert page.count('<details class="long">') == 1
    assert page.count("word " * 1_900) == 1


def test_what_is_too_long_is_refused_and_given_back_whole(
    client_for: ClientFor, commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    client = client_for(commander)
    assert "maxlength" not in client.get(f"{incident.url}describe/").content.decode()
    title = "x" * 10_000
    answer = client.post(f"{incident.url}describe/", {"version": incident.version, "title": title})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert title in page
    assert "at most 200 characters (it has 10000)" in page


def test_a_file_that_is_too_large_leads_back_to_its_form(
    client_for: ClientFor, commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    form = f"http://testserver{incident.url}attach/"
    file = BytesIO(b"x" * (6 * 1024 * 1024))
    file.name = "big.log"
    answer = client_for(commander).post(f"{incident.url}attach/", {"file": file}, headers={"Referer": form})
    assert answer.status_code == 413
    assert f'href="{form}"' in answer.content.decode()
    assert not incident.entries.filter(kind="file").exists()


def test_a_task_may_begin_with_the_persons_name(
    client_for: ClientFor, commander: User, operator: User, platform: Platform, at: datetime
) -> None:
    operator.name = "Otto Operator"
    operator.save(update_fields=["name"])
    incident = declare(platform, by=SYSTEM, at=at)
    line = {"text": "/task @Otto Operator restart the pool by 04:00", "client_key": "k", "version": incident.version}
    assert client_for(commander).post(f"{incident.url}log/", line).status_code == 303
    task = ResponseTask.objects.get(incident=incident)
    assert (task.owner_id, task.title) == (operator.pk, "restart the pool")
    assert task.due_at is not None
    nobody = {**line, "text": "/task @Nobody Here restart the pool", "client_key": "l"}
    refused = client_for(commander).post(f"{incident.url}log/", nobody)
    assert refused.status_code == 422
    assert "Nobody on this platform is called" in refused.content.decode()


def test_who_cannot_write_is_not_told_how(
    client_for: ClientFor, viewer: User, commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    hint = "in the composer asks"
    assert hint not in client_for(viewer).get(incident.url).content.decode()
    assert hint in client_for(commander).get(incident.url).content.decode()


def test_who_holds_communications_publishes_and_is_told_how_to_come_to_it(
    client_for: ClientFor, operator: User, manager: User, viewer: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    line = {"text": "/update identified A full pool.", "client_key": "k", "version": incident.version}
    client = client_for(operator)
    refused = client.post(f"{incident.url}log/", line)
    page = refused.content.decode()
    assert refused.status_code == 403
    assert "and operators and managers who hold command of it or its communications role, may do this" in page
    assert "/role communications" in page
    assert "identified A full pool." in page
    in_place = client.post(f"{incident.url}log/", line, headers={"HX-Request": "true"})
    assert (in_place.status_code, in_place["HX-Retarget"]) == (422, f"#incident-{incident.pk}-composer")
    elsewhere = client.get(f"{incident.url}update/", headers={"HX-Request": "true"})
    assert (elsewhere.status_code, elsewhere["X-Toast"][:16]) == (403, "Only commanders ")
    assert not incident.entries.filter(kind="update").exists()
    for user in (operator, manager):  # the next holder takes the role from the one before
        role_give(
            by=SYSTEM, at=at, incident=incident, expected=incident.version, role="communications", user_id=user.pk
        )
        incident.refresh_from_db()
        told = {"state": "identified", "audience": "public", "body": user.name, "version": incident.version}
        assert client_for(user).post(f"{incident.url}update/", told).status_code == 303
        incident.refresh_from_db()
    assert client.get(f"{incident.url}update/").status_code == 403
    assert client_for(viewer).get(f"{incident.url}update/").status_code == 403
    assert list(StatusUpdate.objects.order_by("pk").values_list("body", flat=True)) == [operator.name, manager.name]


@pytest.mark.parametrize(
    "typed",
    ["/task @otto: Check the pool", "/task @Otto Operator: Check the pool", "/task @otto Check the pool"],
)
def test_a_task_and_a_role_name_a_person_alike(
    client_for: ClientFor, commander: User, operator: User, platform: Platform, at: datetime, typed: str
) -> None:
    User.objects.filter(pk=operator.pk).update(name="Otto Operator")
    incident = declare(platform, by=SYSTEM, at=at)
    client, said = client_for(commander), {"client_key": "k", "version": incident.version}
    assert client.post(f"{incident.url}log/", {**said, "text": typed}).status_code == 303
    task = ResponseTask.objects.get(incident=incident)
    assert (task.owner_id, task.title) == (operator.pk, "Check the pool")
    given = typed.replace("/task", "/role scribe")
    incident.refresh_from_db()
    role = {"text": given, "client_key": "l", "version": incident.version}
    assert client.post(f"{incident.url}log/", role).status_code == 303
    held = incident.roles.get(role="scribe")
    assert held.user_id == operator.pk
    assert incident.entries.order_by("-number").values_list("body", flat=True)[0].endswith("Check the pool")
