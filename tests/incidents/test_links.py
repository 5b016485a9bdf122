"""Merged, related, one the cause of the other: both numbers go on working, and nothing restricted is given away."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from incidents.errors import IncidentError
from incidents.lifecycle import TransitionError
from incidents.models import AlarmClaim, Incident, IncidentClock, IncidentLink, TimelineEntry
from incidents.services import (
    claim_transition,
    clocks,
    incident_describe,
    incident_link,
    incident_merge,
    incident_reopen,
    incident_resolve,
    incident_restrict,
)
from incidents.services.declare import Declaration, incident_declare, refuse_twin
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform, Service
from tests.chain import chain_last
from tests.factories.incidents import SYSTEM, alarm, declare, transition
from tests.factories.platforms import MembershipFactory

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def merged(first: Incident, second: Incident, at: datetime) -> Incident:
    return incident_merge(by=SYSTEM, at=at, incident=first, expected=first.version, target=second, note="one fault")


def test_a_merged_incident_closes_as_a_duplicate_and_stands_on_the_other(
    platform: Platform, at: datetime, operator: User, client_for: Callable[..., Client]
) -> None:
    first, second = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at, title="Pool empty")
    merged(first, second, at + MINUTE)
    first.refresh_from_db()
    assert (first.state, first.merged_into_id, first.closed_at) == ("closed", second.pk, at + MINUTE)
    assert not IncidentClock.objects.filter(incident=first, stopped_at=None).exists()
    client = client_for(operator)
    page = client.get(first.url).content.decode()
    assert f"Merged into {second.reference}" in page
    assert "Reopen" not in page
    other = client.get(f"{second.url}?tab=related").content.decode()
    assert f"{first.reference} {first.title}" in other
    assert f"took in {first.reference}: one fault" in [entry.body for entry in second.entries.all()]
    with pytest.raises(IncidentError, match="merged as a duplicate"):
        incident_reopen(by=SYSTEM, at=at, incident=first, expected=first.version, why="again")


def test_later_alarms_of_its_signal_join_the_one_that_goes_on(platform: Platform, at: datetime) -> None:
    watched = alarm(platform)
    opened = claim_transition(transition=transition(watched, "alarm", at), at=at)
    assert opened is not None
    assert opened.incident is not None
    target = declare(platform, by=SYSTEM, at=at, title="Everything is down")
    merged(Incident.objects.get(pk=opened.incident.pk), target, at + MINUTE)
    again = claim_transition(transition=transition(watched, "alarm", at + 3 * MINUTE), at=at + 3 * MINUTE)
    back = claim_transition(transition=transition(watched, "ok", at + 4 * MINUTE), at=at + 4 * MINUTE)
    assert again is not None
    assert back is not None
    assert (again.incident, again.outcome) == (target, "attached")
    assert (back.incident, back.outcome) == (target, "recovered")
    incident_resolve(
        by=SYSTEM, at=at + 5 * MINUTE, incident=target, expected=Incident.objects.get(pk=target.pk).version
    )
    new = claim_transition(transition=transition(watched, "alarm", at + 9 * MINUTE), at=at + 9 * MINUTE)
    assert new is not None
    assert new.outcome == "opened"
    assert AlarmClaim.objects.filter(incident=target).count() == 2


def test_a_chain_of_merges_leads_to_the_last(platform: Platform, at: datetime) -> None:
    first, second, third = (declare(platform, by=SYSTEM, at=at) for _ in range(3))
    merged(first, second, at)
    merged(Incident.objects.get(pk=second.pk), third, at)
    assert set(third.merged.values_list("pk", flat=True)) == {first.pk, second.pk}
    with pytest.raises(IncidentError, match="merged itself"):
        merged(third, Incident.objects.get(pk=first.pk), at)


def test_what_cannot_be_merged_is_refused_with_a_sentence(
    platform: Platform, other_platform: Platform, at: datetime
) -> None:
    one, two = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at)
    secret = declare(platform, by=SYSTEM, at=at, type="security")
    elsewhere = declare(other_platform, by=SYSTEM, at=at)
    for target, why in ((one, "itself"), (secret, "restrict both or neither"), (elsewhere, "one platform")):
        with pytest.raises(IncidentError, match=why):
            merged(one, target, at)
    with pytest.raises(VersionConflictError):
        incident_merge(by=SYSTEM, at=at, incident=one, expected=99, target=two)
    merged(one, two, at)
    with pytest.raises(TransitionError, match="closed"):
        merged(Incident.objects.get(pk=one.pk), two, at)


def test_a_breach_that_is_merged_keeps_its_72_hours(platform: Platform, at: datetime) -> None:
    breach = declare(platform, by=SYSTEM, at=at, type="data_breach", label="P0")
    target = declare(platform, by=SYSTEM, at=at, type="security", label="P0")
    merged(breach, target, at + MINUTE)
    clock = IncidentClock.objects.get(incident=target, kind="breach")
    assert (clock.started_at, clock.stopped_at) == (at, None)


@pytest.mark.parametrize("days", [-1, 0, 1])
def test_of_two_breaches_that_are_merged_the_first_one_s_72_hours_run(
    platform: Platform, at: datetime, days: int
) -> None:
    found_at = at + timedelta(days=days)
    breach = declare(platform, by=SYSTEM, at=at, type="data_breach", label="P0")
    target = declare(platform, by=SYSTEM, at=found_at, type="data_breach", label="P0")
    merged(breach, target, at + timedelta(days=2))
    clock = IncidentClock.objects.get(incident=target, kind="breach", stopped_at=None)
    assert (clock.started_at, clock.due_at) == (min(at, found_at), min(at, found_at) + timedelta(hours=72))
    assert IncidentClock.objects.filter(incident=target, kind="breach").count() == (2 if days > 0 else 1)


def test_a_duty_that_was_done_does_not_begin_again_by_a_merge(platform: Platform, at: datetime) -> None:
    breach = declare(platform, by=SYSTEM, at=at, type="data_breach", label="P0")
    target = declare(platform, by=SYSTEM, at=at + MINUTE, type="data_breach", label="P0")
    clocks.done(target, "breach", at + 2 * MINUTE)
    merged(breach, target, at + 3 * MINUTE)
    assert not IncidentClock.objects.filter(kind="breach", stopped_at=None).exists()


def test_the_graver_one_is_not_merged_into_the_milder(platform: Platform, at: datetime) -> None:
    grave, mild = (declare(platform, by=SYSTEM, at=at, label=label) for label in ("P1", "P3"))
    with pytest.raises(IncidentError, match=f"{mild.reference} is P3, milder than P1.*Raise that one first"):
        merged(grave, mild, at)
    assert IncidentClock.objects.filter(incident=grave, stopped_at=None).exists()
    merged(mild, grave, at)


def test_what_came_back_is_taken_in_by_the_milder_one_that_is_resolved(
    platform: Platform, at: datetime, operator: User, commander: User, client_for: Callable[..., Client],
    actor_for: Callable[..., Actor],
) -> None:  # fmt: skip
    def signal_of(declared: Incident) -> Incident:
        Incident.objects.filter(pk=declared.pk).update(signal="db-connections")
        return Incident.objects.get(pk=declared.pk)

    by = actor_for(commander)
    first = signal_of(declare(platform, by=by, at=at, label="P3"))
    incident_resolve(by=by, at=at + MINUTE, incident=first, expected=first.version)
    again = signal_of(declare(platform, by=actor_for(operator), at=at + 2 * MINUTE, label="P0"))
    first.refresh_from_db()
    with pytest.raises(IncidentError, match=f"merge it into {first.reference} first"):
        incident_reopen(by=by, at=at + 3 * MINUTE, incident=first, expected=first.version, why="Back")
    with pytest.raises(IncidentError, match="the merge would raise it"):
        incident_merge(by=actor_for(operator), at=at, incident=again, expected=again.version, target=first)
    with chain_last():
        incident_merge(by=by, at=at + 3 * MINUTE, incident=again, expected=again.version, target=first)
    first.refresh_from_db()
    assert (first.severity.label, first.rank, first.state) == ("P0", 1, "resolved")
    said = list(first.entries.order_by("number").values_list("body", flat=True))[-2:]
    assert said == [f"P3 → P0: took in {again.reference}", f"took in {again.reference}"]
    assert IncidentClock.objects.get(incident=first, stopped_at=None).kind == "review"
    page = client_for(commander).get("/incidents/").content.decode()
    assert "running" not in page.split(f'href="{again.url}"')[1].split("</tr>")[0], "nothing of it runs"
    incident_reopen(by=by, at=at + 4 * MINUTE, incident=first, expected=first.version, why="Back")
    update = IncidentClock.objects.get(incident=first, kind="update", stopped_at=None)
    assert update.due_at == at + 34 * MINUTE


def test_a_link_shows_at_both_ends_and_only_to_those_who_may_know_the_other(
    platform: Platform, at: datetime, operator: User, auditor: User, client_for: Callable[..., Client]
) -> None:
    seen, secret = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at, title="Leaked key")
    secret = incident_restrict(
        by=SYSTEM, at=at, incident=secret, expected=secret.version, is_restricted=True, user_ids=[]
    )
    incident_link(by=SYSTEM, at=at, incident=seen, expected=seen.version, other=secret, kind="caused_by")
    assert "Leaked key" not in client_for(operator).get(f"{seen.url}?tab=related").content.decode()
    assert secret.reference not in client_for(operator).get(seen.url).content.decode()
    page = client_for(auditor).get(f"{seen.url}?tab=related").content.decode()
    assert "Caused by" in page
    assert "Leaked key" in page
    assert "The cause of" in client_for(auditor).get(f"{secret.url}?tab=related").content.decode()
    said = AuditEntry.objects.filter(verb="incidents.incident.linked").last()
    assert said is not None
    assert "other" not in said.data


def test_linking_twice_is_one_link_and_removing_it_twice_is_harmless(
    platform: Platform, at: datetime, operator: User, client_for: Callable[..., Client]
) -> None:
    one, two = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at)
    client = client_for(operator)
    for incident, other in ((one, two), (one, two), (two, one)):
        form = {"version": incident.version, "kind": "related", "other": other.reference, "note": "same night"}
        assert client.post(f"{incident.url}link/", form).status_code == 303
    link = IncidentLink.objects.get()
    assert f"related to {two.reference}" in TimelineEntry.objects.filter(incident=one).values_list("body", flat=True)
    for _ in range(2):
        assert client.post(f"{two.url}links/{link.pk}/remove/").status_code == 303
    assert not IncidentLink.objects.exists()
    for here, there in ((one, two), (two, one)):
        said = here.entries.order_by("number").values_list("body", flat=True)
        assert list(said).count(f"no longer linked to {there.reference}") == 1


def test_who_may_only_look_there_writes_nothing_there(
    platform: Platform, other_platform: Platform, at: datetime, operator: User, client_for: Callable[..., Client]
) -> None:
    MembershipFactory.create(platform=other_platform, user=operator, role="viewer")
    here, there = declare(platform, by=SYSTEM, at=at), declare(other_platform, by=SYSTEM, at=at)
    before = there.entries.count()
    client = client_for(operator)
    form = {"version": here.version, "kind": "caused_by", "other": there.reference}
    assert client.post(f"{here.url}link/", form).status_code == 303
    assert f"caused by {there.reference}" in here.entries.values_list("body", flat=True)
    assert "The cause of" in client.get(f"{there.url}?tab=related").content.decode()
    assert client.post(f"{here.url}links/{IncidentLink.objects.get().pk}/remove/").status_code == 303
    assert there.entries.count() == before
    assert not AuditEntry.objects.filter(chain=other_platform.pk, verb__startswith="incidents.incident.link")


def test_a_service_that_got_an_incident_of_the_signal_meanwhile_is_refused_with_its_number(
    platform: Platform, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service.objects.get(platform=platform)
    twin = declare(platform, by=SYSTEM, at=at, signal="db", service=service)
    one = declare(platform, by=SYSTEM, at=at, signal="db", service=None)
    seen: list[object] = []

    def too_early(*asked: Any) -> None:
        if seen:
            refuse_twin(*asked)
        seen.append(asked)

    monkeypatch.setattr("incidents.services.record.refuse_twin", too_early)
    with pytest.raises(IncidentError, match=f"{twin.reference} is open for the same signal"):
        incident_describe(by=SYSTEM, at=at, incident=one, expected=one.version, changes={"service": service})


def test_a_number_that_is_not_for_you_is_as_unknown_as_one_that_is_not(
    platform: Platform, at: datetime, commander: User, client_for: Callable[..., Client]
) -> None:
    one = declare(platform, by=SYSTEM, at=at)
    secret = declare(platform, by=SYSTEM, at=at, type="security")
    client = client_for(commander)
    for path, field in (("merge", "target"), ("link", "other")):
        answers = []
        for number in (secret.number, 999_999):
            form = {"version": one.version, field: f"INC-{number}", "kind": "related"}
            response = client.post(f"{one.url}{path}/", form)
            assert response.status_code == 422
            answers.append(f"There is no INC-{number}, or it is not for you." in response.content.decode())
        assert answers == [True, True]


def test_the_same_external_id_is_one_incident(
    platform: Platform, at: datetime, token: object, client_for: Callable[..., Client], actor_for: Callable[..., Actor]
) -> None:
    client = client_for(token)
    body = {"platform": "shop", "title": "From the old tool", "external_source": "jira", "external_id": "OPS-7"}
    first = client.post("/api/v1/incidents/", body, content_type="application/json")
    again = client.post("/api/v1/incidents/", body | {"title": "Other"}, content_type="application/json")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["number"] == again.json()["number"]
    half = client.post("/api/v1/incidents/", body | {"external_source": ""}, content_type="application/json")
    assert half.status_code == 422
    twin = Declaration(platform_id=platform.pk, title="x", external_source="pagerduty", external_id="OPS-7")
    assert incident_declare(by=SYSTEM, at=at, declaration=twin).number != first.json()["number"]
    assert Incident.objects.count() == 2


def test_merge_link_and_plan_by_token(
    platform: Platform, at: datetime, commander: User, client_for: Callable[..., Client]
) -> None:
    from tests.factories.accounts import token_persona

    one, two = declare(platform, by=SYSTEM, at=at, label="P3"), declare(platform, by=SYSTEM, at=at)
    client = client_for(token_persona(commander))

    def post(act: str, body: dict[str, object]) -> int:
        url = f"/api/v1/incidents/{one.number}/"
        etag = client.get(url).headers["ETag"]
        answer = client.post(f"{url}{act}/", body, content_type="application/json", headers={"If-Match": etag})
        return answer.status_code

    assert post("link", {"kind": "related", "other": two.number}) == 200
    assert post("link", {"kind": "related", "other": 999_999}) == 400
    assert post("plan", {"planned_for": "Sprint 12"}) == 200
    assert post("merge", {"target": two.number}) == 200
    one.refresh_from_db()
    assert (one.planned_for, one.merged_into_id) == ("Sprint 12", two.pk)
