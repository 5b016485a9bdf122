"""The table of acts: what it says is possible is what the services do, and what a page offers leads somewhere."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from incidents.errors import IncidentError
from incidents.lifecycle import State
from incidents.models import Incident
from incidents.services import incident_close, incident_merge, incident_resolve
from incidents.services.acts import ACTS, acts_offered
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare, severity

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
TEXTS = {"users_affected": "40", "impact_business": "no orders", "cause": "pool of 10", "resolution": "pool of 50"}
BUTTONS = re.compile(r'class="btn[^"]*" href="([^"]+)" hx-get')


def brought_to(state: State, platform: Platform, at: datetime, by: Actor = SYSTEM) -> Incident:
    incident = declare(platform, by=by, at=at)
    if state != State.OPEN:
        incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    if state == State.CLOSED:
        incident = incident_close(by=by, at=at, incident=incident, expected=incident.version, texts=TEXTS)
    return Incident.objects.select_related("severity").get(pk=incident.pk)


def values_of(name: str, incident: Incident, other: Incident, person: User) -> dict[str, Any] | None:
    """What the act takes; None: it needs more than an incident, as a metric, a running clock, nobody in command."""
    known: dict[str, dict[str, Any]] = {
        "severity": {"severity": severity(incident.platform, "P0")},
        "role": {"role": "scribe", "user_id": person.pk},
        "stage": {"stage": "communicate"},
        "update": {"state": "identified", "audience": "internal", "body": "We found it."},
        "triage": {"answers": {"users": {"answer": "yes", "note": ""}}},
        "mitigate": {},
        "resolve": {},
        "close": {"texts": TEXTS},
        "reopen": {"why": "it came back"},
        "describe": {"changes": {"cause": "another"}},
        "restrict": {"is_restricted": False},
        "merge": {"target": other},
        "link": {"other": other, "kind": "related"},
        "problem": {"title": "The pool"},
        "plan": {"planned_for": "sprint 7"},
        "log": {"body": "a line"},
        "decision": {"body": "a line"},
        "pin": {"body": "a line"},
        "task": {"title": "Restart"},
    }
    return known.get(name)


@pytest.mark.parametrize("state", list(State))
def test_an_act_succeeds_where_the_table_says_so(
    actor_for: ActorFor, commander: User, platform: Platform, at: datetime, state: State
) -> None:
    by = actor_for(commander)
    incident, other = brought_to(state, platform, at, by), declare(platform, by=SYSTEM, at=at, title="Another")
    found = {}
    for name, act in ACTS.items():
        values = values_of(name, incident, other, commander)
        if values is None:
            continue
        try:
            with transaction.atomic():
                act.perform(by=by, at=at, incident=incident, expected=incident.version, values=values)
                transaction.set_rollback(True)
        except IncidentError:
            found[name] = False
        else:
            found[name] = True
    assert {name: ACTS[name].is_possible(incident) for name in found} == found


def test_a_merged_incident_is_not_offered_to_be_reopened(
    actor_for: ActorFor, commander: User, platform: Platform, at: datetime
) -> None:
    incident, kept = (declare(platform, by=SYSTEM, at=at, title=title) for title in ("Down", "Slow"))
    merged = incident_merge(by=SYSTEM, at=at, incident=incident, expected=incident.version, target=kept)
    assert "reopen" not in acts_offered(actor_for(commander), Incident.objects.get(pk=merged.pk))


@pytest.mark.parametrize("state", list(State))
def test_every_button_of_an_incident_leads_to_its_form(
    client_for: ClientFor, actor_for: ActorFor, commander: User, platform: Platform, at: datetime, state: State
) -> None:
    incident = brought_to(state, platform, at, actor_for(commander))
    client = client_for(commander)
    addresses = set()
    for tab in ("situation", "triage", "comms", "related"):
        addresses |= set(BUTTONS.findall(client.get(f"{incident.url}?tab={tab}").content.decode()))
    assert {address: client.get(address).status_code for address in addresses if "runbook" not in address} == {
        address: 200 for address in addresses if "runbook" not in address
    }
    names = {address.partition("?")[0].removeprefix(incident.url).strip("/") for address in addresses}
    assert names <= set(ACTS)
    assert names >= {"decision", "pin", "link"}
    assert all(ACTS[name].is_possible(incident) for name in names)
    assert ("severity" in names, "task" in names) == (state == State.OPEN, state != State.CLOSED)


def test_the_composer_of_a_closed_incident_offers_what_can_succeed(
    client_for: ClientFor, actor_for: ActorFor, commander: User, platform: Platform, at: datetime
) -> None:
    incident = brought_to(State.CLOSED, platform, at, actor_for(commander))
    body = client_for(commander).get(incident.url).content.decode()
    commands = set(re.findall(r'<option value="(/\w+) ">', body))
    assert commands == {"/at", "/decision", "/metric", "/pin"}
