"""The palette finds pages, actions and records, and nothing that the reader may not know."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.models import Incident, ReviewSection
from incidents.services import entry_log, incident_resolve, review_draft
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Decision
from opsportal.platforms.models import Platform
from tests.factories.incidents import declare
from tests.factories.maintenance import PORTAL
from tests.factories.today import everything, plan_of, restricted

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def _find(client: Client, text: str) -> str:
    answer = client.get(reverse("search:palette"), {"q": text}, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_words_it_offers_pages_and_actions(
    client_for: ClientFor, operator: User, viewer: User, platform: Platform
) -> None:
    everything(platform, at=clock.now())
    found = _find(client_for(operator), "")
    for words in ("Today", "Incidents", "Declare incident", "Go on with Morning"):
        assert words in found, words
    assert "Checkout fails" not in found
    reader = _find(client_for(viewer), "")
    assert "Declare incident" not in reader
    assert "Go on with" not in reader


@pytest.mark.parametrize("text", ["checkout", "CHECK", "morning", "web", "one database", "analyze"])
def test_a_word_finds_its_record(client_for: ClientFor, viewer: User, platform: Platform, text: str) -> None:
    everything(platform, at=clock.now())
    Decision.objects.create(platform=platform, number=1, title="One database")
    assert "Nothing matches" not in _find(client_for(viewer), text)


def test_an_incident_is_found_by_its_number(client_for: ClientFor, viewer: User, platform: Platform) -> None:
    incident = declare(platform, by=PORTAL, at=clock.now(), title="Checkout fails")
    for text in (incident.reference, incident.reference.lower(), str(incident.number)):
        assert incident.url in _find(client_for(viewer), text)


def test_a_restricted_incident_is_found_by_nobody_else(
    client_for: ClientFor, actor_for: ActorFor, commander: User, operator: User, platform: Platform
) -> None:
    at = clock.now() - timedelta(minutes=5)
    secret = restricted(platform, by=actor_for(commander), at=at, title="Breach of keys")
    assert secret.title in _find(client_for(commander), "breach")
    for text in ("breach", "keys", secret.reference, str(secret.number)):
        found = _find(client_for(operator), text)
        assert secret.title not in found
        assert "Nothing matches" in found


def test_what_was_said_and_learnt_is_found_by_whom_the_incident_is_visible_to(
    client_for: ClientFor, actor_for: ActorFor, commander: User, operator: User, stranger: User, platform: Platform
) -> None:
    at = clock.now() - timedelta(minutes=5)
    by = actor_for(commander)
    plain = declare(platform, by=PORTAL, at=at, title="Checkout fails")
    secret = restricted(platform, by=by, at=at, title="Breach of keys")
    for incident, words in ((plain, "The pool of Zanzibar was exhausted"), (secret, "Zanzibar leaked its token")):
        entry_log(by=by, at=at, incident=incident, body=f"{'Long before. ' * 20}{words}")
        expected = Incident.objects.get(pk=incident.pk).version
        incident_resolve(by=by, at=at, incident=incident, expected=expected)
        review = review_draft(by=PORTAL, at=at, incident=incident)
        ReviewSection.objects.filter(review=review, key="impact").update(body=f"Quux: {words}")
    seen = _find(client_for(operator), "zanz exhaus")
    assert "…" in seen
    assert "The pool of Zanzibar was exhausted" in seen
    for text, who, found in (
        ("zanzibar", operator, (True, False)), ("quux", operator, (True, False)), ("quux", commander, (True, True)),
        ("zanzibar", stranger, (False, False)), ("quux", stranger, (False, False)),
    ):  # fmt: skip
        page = _find(client_for(who), text)
        assert (plain.url in page, secret.url in page) == found, (text, who.name)
    assert f"{plain.url}review/" in _find(client_for(operator), "quux")


def test_a_decision_is_found_by_its_reasons(client_for: ClientFor, viewer: User, platform: Platform) -> None:
    Decision.objects.create(platform=platform, number=1, title="One database", context="Latency across regions")
    assert "One database" in _find(client_for(viewer), "latency regions")


def test_another_platform_stays_unknown(
    client_for: ClientFor, stranger: User, platform: Platform, other_platform: Platform
) -> None:
    everything(platform, at=clock.now())
    plan_of(platform, at=clock.now(), title="Secret plan")
    Decision.objects.create(platform=platform, number=1, title="Secret decision")
    client = client_for(stranger)
    for text in ("checkout", "morning", "secret"):
        assert "Nothing matches" in _find(client, text), text


def test_without_script_it_is_a_page(client_for: ClientFor, viewer: User) -> None:
    page = client_for(viewer).get(reverse("search:palette"), {"q": "nothing like it"}).content.decode()
    assert "<html" in page
    assert "Nothing matches" in page
    assert 'role="option"' not in page


def test_bad_words_are_no_fault(client_for: ClientFor, viewer: User, bad_text: str) -> None:
    query = bad_text.encode("utf-8", "surrogatepass")[:4000]
    answer = client_for(viewer).get(reverse("search:palette"), {"q": query})
    assert answer.status_code < 500
    assert b"\x00" not in answer.content


def test_cost_stands_still(client_for: ClientFor, operator: User, platform: Platform) -> None:
    everything(platform, at=clock.now())
    client = client_for(operator)
    _find(client, "a")
    with CaptureQueriesContext(connection) as queries:
        _find(client, "a")
    assert len(queries) <= 13, "\n".join(query["sql"][:120] for query in queries)
