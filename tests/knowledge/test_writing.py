"""A decision is written in the browser: proposed, changed, decided once, superseded by a later one."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision
from opsportal.knowledge.services.decisions import DecisionError, decision_add
from opsportal.platforms.models import Platform
from tests.bad_input import BAD_TEXTS, post_form
from tests.factories.platforms import PlatformFactory

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
NEW = reverse("knowledge:decision-new")
TEXTS = {"title": "Queue in PostgreSQL", "context": "One store less.", "decision": "Outbox rows."}


def send(client: Client, path: str = NEW, **values: object) -> HttpResponse:
    sent = {"platform": "shop", "status": "proposed", **TEXTS, **values}
    return cast("HttpResponse", client.post(path, sent))


def verbs() -> list[str]:
    rows = AuditEntry.objects.filter(verb__startswith="knowledge.").order_by("pk")
    return [verb.removeprefix("knowledge.decision.") for verb in rows.values_list("verb", flat=True)]


def test_a_decision_is_recorded_under_the_next_number(
    client_for: ClientFor, operator: User, platform: Platform
) -> None:
    Decision.objects.create(platform=platform, number=7, title="Older")
    client = client_for(operator)
    assert "Decision" in client.get(NEW).content.decode()
    answer = send(client, consequences="- Good, because: one store\n- Bad, because: polling")
    decision = Decision.objects.get(number=8)
    assert (answer.status_code, answer["Location"]) == (303, decision.get_absolute_url())
    page = client.get(decision.get_absolute_url()).content.decode()
    for shown in ("ADR-008: Queue in PostgreSQL", "polling", "edited here", "nothing written", "Edit or decide"):
        assert shown in page
    assert "not in guide" not in page.partition('id="adr"')[2]
    assert verbs() == ["added"]


def test_one_sending_records_one_decision(client_for: ClientFor, operator: User, platform: Platform) -> None:
    client = client_for(operator)
    answers = [send(client, idempotency_key="k1") for _ in range(2)]
    assert [answer["Location"] for answer in answers] == [Decision.objects.get().get_absolute_url()] * 2
    assert verbs() == ["added"]


def test_a_proposed_one_is_changed_and_decided_once(client_for: ClientFor, operator: User, platform: Platform) -> None:
    client = client_for(operator)
    send(client)
    decision = Decision.objects.get()
    path = reverse("knowledge:decision-edit", args=[decision.pk])
    assert "One store less." in client.get(path).content.decode()
    assert send(client, path, status="rejected", version=1).status_code == 303
    assert Decision.objects.get().status == "rejected"
    assert client.get(path).status_code in (302, 303)
    refused = send(client, path, status="accepted", version=2, decision="Something else")
    assert refused.status_code == 422
    assert "stands as it was decided" in refused.content.decode()
    assert "Something else" in refused.content.decode()
    assert verbs() == ["added", "edited"]


def test_whoever_saves_second_sees_both_sides(client_for: ClientFor, operator: User, platform: Platform) -> None:
    client = client_for(operator)
    send(client)
    path = reverse("knowledge:decision-edit", args=[Decision.objects.get().pk])
    assert send(client, path, version=1, decision="Theirs").status_code == 303
    lost = send(client, path, version=1, decision="Mine")
    assert lost.status_code == 409
    assert "Theirs" in lost.content.decode()
    assert "Mine" in lost.content.decode()


def test_an_accepted_decision_takes_the_place_of_the_earlier_one(
    client_for: ClientFor, operator: User, platform: Platform
) -> None:
    earlier = Decision.objects.create(platform=platform, number=1, title="RabbitMQ", status="accepted")
    client = client_for(operator)
    link = f"{NEW}?supersedes={earlier.pk}"
    assert link in client.get(earlier.get_absolute_url()).content.decode()
    assert f'value="{earlier.pk}" selected' in client.get(link).content.decode()
    send(client, supersedes=earlier.pk)
    later = Decision.objects.get(number=2)
    earlier.refresh_from_db()
    assert earlier.status == "accepted"
    assert "To be superseded by" in client.get(earlier.get_absolute_url()).content.decode()
    send(
        client, reverse("knowledge:decision-edit", args=[later.pk]), status="accepted", supersedes=earlier.pk, version=1
    )
    earlier.refresh_from_db()
    assert earlier.status == "superseded"
    page = client.get(earlier.get_absolute_url()).content.decode()
    assert f'Superseded by <a href="{later.get_absolute_url()}">ADR-002' in page
    assert "?supersedes=" not in page
    assert verbs() == ["added", "superseded", "edited"]


def test_a_decision_of_another_platform_is_not_superseded(
    client_for: ClientFor, operator: User, platform: Platform, actor_for: Callable[..., Actor]
) -> None:
    other = PlatformFactory(key="other")
    foreign = Decision.objects.create(platform=other, number=1, title="Theirs", status="accepted")
    assert send(client_for(operator), supersedes=foreign.pk).status_code == 422
    values: Mapping[str, object] = {**TEXTS, "status": "accepted", "supersedes": foreign}
    at = datetime(2026, 3, 4, tzinfo=UTC)
    with pytest.raises(DecisionError):
        decision_add(by=actor_for(operator), at=at, day=at.date(), platform=platform, values=values)
    assert not Decision.objects.filter(platform=platform).exists()


def test_readers_are_offered_nothing_to_write(client_for: ClientFor, viewer: User, platform: Platform) -> None:
    decision = Decision.objects.create(platform=platform, number=1, title="One", status="proposed")
    client = client_for(viewer)
    page = client.get(decision.get_absolute_url()).content.decode()
    assert "New decision" not in page
    assert "Edit or decide" not in page
    assert send(client).status_code == 403
    assert client.get(reverse("knowledge:decision-edit", args=[decision.pk])).status_code == 403


@pytest.mark.parametrize("bad", BAD_TEXTS)
def test_bad_text_is_refused_or_kept_clean(client_for: ClientFor, operator: User, platform: Platform, bad: str) -> None:
    text = BAD_TEXTS[bad]
    fields = {"platform": "shop", "status": "proposed", "title": text, "context": text, "decision": text}
    answer = post_form(client_for(operator), NEW, fields)
    assert answer.status_code in (303, 422)
    for decision in Decision.objects.all():
        assert "\x00" not in decision.title + decision.context
