"""What a type brings along, and what severity the answers to triage speak for: one table, no I/O."""

from collections.abc import Callable
from datetime import datetime
from html import unescape

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from incidents.choices import RESTRICTED_TYPES, IncidentType
from incidents.models import Incident, IncidentClock, TimelineEntry
from incidents.services import incident_declare, incident_describe, incident_triage
from incidents.services.declare import Declaration
from incidents.types import MILDEST, PORTAL_RANKS, TRIAGE, TYPES, Choice, Type, questions, suggested
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform, Service
from tests.factories.incidents import SYSTEM, declare

ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
KEYS = [question.key for question in TRIAGE]
ANSWER = st.sampled_from([{"answer": "yes"}, {"answer": "no"}, {"answer": "unknown"}])
ANSWERS = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, ANSWER))
RANKS = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, st.integers(1, 5)))


def test_every_type_has_its_row_and_what_is_stored_is_the_table() -> None:
    assert set(TYPES) == set(Type)
    assert set(IncidentType.values) == {kind.value for kind in Type}
    assert {Type.SECURITY, Type.DATA_CORRUPTION, Type.DATA_BREACH} == set(RESTRICTED_TYPES)
    assert [kind for kind, row in TYPES.items() if row.clocks] == [Type.DATA_BREACH]
    assert {question.key for question in TRIAGE} == PORTAL_RANKS.keys()


@given(ANSWERS, RANKS)
def test_the_worst_yes_decides_and_the_packs_choice_stands_before_the_portals(
    answers: dict[str, dict[str, str]], ranks: dict[str, int]
) -> None:
    choice = Choice(ranks, "Phase09 §2")
    found = suggested(answers, choice)
    said = [key for key in KEYS if answers.get(key, {}).get("answer") == "yes"]
    if said:
        assert found is not None
        assert found.rank == min(ranks.get(key, PORTAL_RANKS[key]) for key in said)
        assert found.source in ("Phase09 §2", "portal default")
    elif all(answers.get(key, {}).get("answer") == "no" for key in KEYS):
        assert found is not None
        assert found.rank == MILDEST
    else:
        assert found is None


def test_data_at_risk_suggests_the_worst_and_says_whose_choice_it_is() -> None:
    found = suggested({"data_at_risk": {"answer": "yes"}, "users": {"answer": "yes"}})
    assert found is not None
    assert (found.rank, found.reason, found.source) == (1, "data at risk", "portal default")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind, rank, is_restricted",
    [("outage", 1, False), ("degradation", 2, False), ("data_corruption", 1, True), ("planned_work", 2, False)],
)
def test_a_type_sets_what_nobody_chose(
    platform: Platform, at: datetime, kind: str, rank: int, is_restricted: bool
) -> None:
    declaration = Declaration(platform_id=platform.pk, title="Something", type=kind)
    incident = incident_declare(by=SYSTEM, at=at, declaration=declaration)
    assert (incident.rank, incident.is_restricted) == (rank, is_restricted)


@pytest.mark.django_db
def test_a_breach_has_72_hours_and_its_checklist_ends_them(
    platform: Platform,
    at: datetime,
    commander: User,
    actor_for: Callable[..., Actor],
    client_for: Callable[..., Client],
) -> None:
    by = actor_for(commander)
    incident = declare(platform, by=by, at=at, type="data_breach", label="P0")
    clock = IncidentClock.objects.get(incident=incident, kind="breach")
    assert clock.due_at is not None
    assert (clock.due_at - clock.started_at).total_seconds() == 72 * 3600
    assert clock.source_text == "GDPR art. 33"
    page = client_for(commander).get(f"{incident.url}?tab=triage").content.decode()
    assert "Supervisory authority is notified" in page
    answers = {"breach_authority": {"answer": "yes", "note": "by the form of the authority"}}
    incident_triage(by=by, at=at, incident=incident, expected=incident.version, answers=answers)
    clock.refresh_from_db()
    assert clock.outcome == "met"
    assert len(questions("data_breach")) == len(TRIAGE) + 6


@pytest.mark.django_db
def test_answers_sent_again_as_they_stand_are_not_said_twice(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    for _ in range(2):
        current = Incident.objects.get(pk=incident.pk)
        answers = {"users": {"answer": "yes", "note": "all of them"}}
        incident_triage(by=SYSTEM, at=at, incident=current, expected=current.version, answers=answers)
    assert TimelineEntry.objects.filter(incident=incident, kind="triage").count() == 1


@pytest.mark.django_db
def test_the_triage_pane_offers_the_severity_with_one_button_and_never_sets_it(
    platform: Platform,
    at: datetime,
    commander: User,
    actor_for: Callable[..., Actor],
    client_for: Callable[..., Client],
) -> None:
    by, client = actor_for(commander), client_for(commander)
    incident = declare(platform, by=by, at=at, label="P2")
    answers = {"data_at_risk": {"answer": "yes", "note": ""}}
    changed = incident_triage(by=by, at=at, incident=incident, expected=incident.version, answers=answers)
    page = client.get(f"{incident.url}?tab=triage").content.decode()
    assert "Set P0 (data at risk)" in page
    assert "portal default" in page
    assert Incident.objects.get(pk=incident.pk).rank == 3
    worst = incident.severity.scheme.severities.get(label="P0")
    data = {"version": changed.version, "severity": worst.pk, "why": "data at risk (portal default)"}
    assert client.post(f"{incident.url}severity/", data).status_code == 303
    assert "The answers fit P0" in client.get(f"{incident.url}?tab=triage").content.decode()


@pytest.mark.django_db
def test_the_triage_neither_urges_a_milder_severity_nor_keeps_what_it_was_told_from_the_record(
    platform: Platform, at: datetime, commander: User, client_for: Callable[..., Client]
) -> None:
    incident = declare(platform, by=SYSTEM, at=at, label="P0")
    answers = {"users": {"answer": "yes", "note": "about 4,000 shoppers"}}
    incident_triage(by=SYSTEM, at=at, incident=incident, expected=incident.version, answers=answers)
    page = client_for(commander).get(f"{incident.url}?tab=triage").content.decode()
    assert "P0 was chosen, is worse, and stands" in page
    assert "Set the suggested severity" not in page
    link = f"{incident.url}describe/?tab=triage&amp;users_affected=about+4%2C000+shoppers"
    assert f'href="{link}">Take “about 4,000 shoppers” from the triage' in page
    form = client_for(commander).get(unescape(link)).content.decode()
    assert 'name="users_affected" value="about 4,000 shoppers"' in form


@pytest.mark.django_db
def test_a_type_that_turns_out_to_be_a_breach_is_restricted_and_starts_its_clock(
    platform: Platform, at: datetime, commander: User, admin: User, actor_for: Callable[..., Actor]
) -> None:
    by = actor_for(commander)
    incident = declare(platform, by=SYSTEM, at=at)
    changed = incident_describe(
        by=by, at=at, incident=incident, expected=incident.version, changes={"type": "data_breach"}
    )
    assert changed.is_restricted
    assert IncidentClock.objects.filter(incident=incident, kind="breach", stopped_at=None).exists()
    assert Incident.objects.visible_to(by).filter(pk=incident.pk).exists()
    assert not Incident.objects.visible_to(actor_for(admin)).filter(pk=incident.pk).exists()


@pytest.mark.django_db
def test_service_type_and_source_are_changed_after_and_said(
    platform: Platform, at: datetime, operator: User, client_for: Callable[..., Client]
) -> None:
    incident = declare(platform, by=SYSTEM, at=at, service=None)
    service = Service.objects.get(platform=platform)
    data = {
        "version": incident.version,
        "title": incident.title,
        "type": "outage",
        "service": service.pk,
        "detection_source": "user_report",
    }
    assert client_for(operator).post(f"{incident.url}describe/", data).status_code == 303
    changed = Incident.objects.get(pk=incident.pk)
    assert (changed.type, changed.service, changed.detection_source) == ("outage", service, "user_report")
    said = TimelineEntry.objects.filter(incident=incident, kind="state").last()
    assert said is not None
    assert said.body == f"type degradation → outage, found by user report, service {service.name}"
