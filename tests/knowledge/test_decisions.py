"""The decisions page: what a guide says, what it leaves out, and only to members."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision
from opsportal.knowledge.selectors.decisions import consequences_of, found_decisions
from opsportal.platforms.models import Platform

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]


@pytest.fixture
def decision(platform: Platform) -> Decision:
    return Decision.objects.create(
        platform=platform,
        number=2,
        title="Fargate vs EC2",
        status="accepted",
        date=date(2024, 1, 1),
        context="Choose a platform for containers.",
        decision="Use ECS Fargate.",
        consequences="- Good, because: No server management\n- Bad, because: Higher per-container costs",
        implementation="```yaml\ntask_cpu: 512\n```",
        source_text="ShopMgmt, ADR-002",
    )


def test_consequences_are_sorted_into_good_and_bad() -> None:
    found = consequences_of("- Good, because: fast\n- ✅ cheap\n- ❌ locked in\n* Bad, because slow\nand a sentence")
    assert (found.good, found.bad, found.other) == (["fast", "cheap"], ["locked in", "slow"], "and a sentence")


def test_the_list_opens_the_first_decision(client_for: ClientFor, viewer: User, decision: Decision) -> None:
    client = client_for(viewer)
    page = client.get(reverse("knowledge:decision-list"))
    assert page.status_code == 200
    text = page.content.decode()
    assert "ADR-002: Fargate vs EC2" in text
    assert "Higher per-container costs" in text
    assert "from ShopMgmt, ADR-002" in text
    assert "task_cpu: 512" in text


def test_a_section_the_guide_leaves_out_says_so(client_for: ClientFor, viewer: User, decision: Decision) -> None:
    client = client_for(viewer)
    text = client.get(decision.get_absolute_url()).content.decode()
    assert "<h3>Alternatives</h3>" in text
    assert text.count('<p class="mut">not in guide</p>') == 1


def test_the_filter_narrows_by_status_and_words(client_for: ClientFor, viewer: User, decision: Decision) -> None:
    client = client_for(viewer)
    address = reverse("knowledge:decision-list")
    assert "Fargate" in client.get(address, {"status": "accepted", "q": "containers"}).content.decode()
    assert "No decision here" in client.get(address, {"status": "proposed"}).content.decode()
    assert "No decision here" in client.get(address, {"q": "blockchain"}).content.decode()


def test_htmx_gets_only_the_list(client_for: ClientFor, viewer: User, decision: Decision) -> None:
    client = client_for(viewer)
    answer = client.get(reverse("knowledge:decision-list"), headers={"HX-Request": "true"})
    assert answer.content.decode().strip().startswith('<div class="panel" id="decision-list">')


def test_another_platforms_people_see_nothing(client_for: ClientFor, stranger: User, decision: Decision) -> None:
    client = client_for(stranger)
    assert client.get(decision.get_absolute_url()).status_code == 404
    assert "Fargate" not in client.get(reverse("knowledge:decision-list")).content.decode()


def test_bad_text_in_the_filter_is_harmless(client_for: ClientFor, viewer: User, bad_text: str) -> None:
    client = client_for(viewer)
    assert (
        client.get(reverse("knowledge:decision-list"), {"q": bad_text.encode("utf-8", "surrogatepass")}).status_code
        < 500
    )


def test_the_palette_finds_by_number_and_title(
    actor_for: Callable[..., Actor], viewer: User, decision: Decision
) -> None:
    actor = actor_for(viewer)
    assert found_decisions(actor, "ADR-2") == [decision]
    assert found_decisions(actor, "fargate") == [decision]
    assert found_decisions(actor, "7") == []
