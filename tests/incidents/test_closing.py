"""An incident ends documented, and reviewed where it must be; its seven times say how they stand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from incidents.lifecycle import PRECEDED_BY, State, TimeState, time_states
from incidents.models import Incident, IncidentClock, Review, TimelineEntry
from incidents.selectors import documented_share
from incidents.services import (
    incident_close,
    incident_describe,
    incident_merge,
    incident_resolve,
    review_publish,
    review_submit,
)
from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare

MINUTE = timedelta(minutes=1)
TEXTS = {"users_affected": "about 40", "cause": "Pool too small", "resolution": "Pool doubled"}
MOMENTS = st.integers(0, 9).map(lambda hour: datetime(2026, 3, 10, hour, tzinfo=UTC))
TIMES = st.fixed_dictionaries({}, optional=dict.fromkeys(PRECEDED_BY, st.one_of(st.none(), MOMENTS)))


def resolved(platform: Platform, at: datetime, **values: str) -> Incident:
    incident = declare(platform, by=SYSTEM, at=at, **values)
    return incident_resolve(by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version)


@given(TIMES, st.sampled_from(list(State)))
def test_every_time_stands_in_one_of_four_states(times: dict[str, datetime | None], state: State) -> None:
    found = time_states(times, state)
    assert set(found) == set(PRECEDED_BY)
    for name, how in found.items():
        assert (times.get(name) is None) == (how in (TimeState.PENDING, TimeState.NOT_APPLICABLE))
    if state is State.OPEN:
        assert TimeState.NOT_APPLICABLE not in found.values()


@pytest.mark.django_db
@pytest.mark.parametrize("label", ["P1", "P3"])
def test_closing_names_what_is_missing_and_takes_it_at_once(
    platform: Platform, at: datetime, commander: User, client_for: Callable[..., Client], label: str
) -> None:
    incident, client = resolved(platform, at, label=label), client_for(commander)
    url, version = f"{incident.url}close/", incident.version
    refused = client.post(url, {"version": version})
    assert refused.status_code == 422
    assert "Write impact and cause and resolution first" in refused.content.decode()
    assert 'name="cause"' in refused.content.decode()
    done = client.post(url, {"version": version, **TEXTS, "reviewer_id": commander.pk})
    assert done.status_code == 303
    incident.refresh_from_db()
    assert (incident.state, incident.cause) == ("closed", "Pool too small")


@pytest.mark.django_db
def test_a_bad_one_closes_with_its_review_open_until_it_is_published(
    platform: Platform, at: datetime, commander: User, admin: User, actor_for: Callable[..., Actor],
    client_for: Callable[..., Client],
) -> None:  # fmt: skip
    incident = resolved(platform, at, label="P0")
    client = client_for(commander)
    nobody = client.post(f"{incident.url}close/", {"version": incident.version, **TEXTS})
    assert nobody.status_code == 422
    assert "Say who writes the review" in nobody.content.decode()
    done = client.post(f"{incident.url}close/", {"version": incident.version, **TEXTS, "reviewer_id": commander.pk})
    assert done.status_code == 303
    review = Review.objects.get(incident=incident)
    assert review.author == commander
    assert IncidentClock.objects.get(incident=incident, kind="review", stopped_at=None).due_at is not None
    assert "closed, review open" in client.get(incident.url).content.decode()
    by = actor_for(commander)
    sent = review_submit(by=by, at=at + MINUTE, review=review, expected=review.version)
    review_publish(by=actor_for(admin), at=at + 2 * MINUTE, review=sent, expected=sent.version, note="Read")
    assert "closed, review open" not in client.get(incident.url).content.decode().split("Timeline")[0]


@pytest.mark.django_db
def test_all_seven_times_are_corrected_with_a_reason(
    platform: Platform, at: datetime, commander: User, client_for: Callable[..., Client]
) -> None:
    incident = declare(platform, by=SYSTEM, at=at - 30 * MINUTE, label="P3")
    client = client_for(commander)
    client.post(f"{incident.url}acknowledge/", {"version": incident.version})
    incident.refresh_from_db()
    incident_resolve(by=SYSTEM, at=at, incident=incident, expected=incident.version)
    incident.refresh_from_db()
    incident_close(by=SYSTEM, at=at, incident=incident, expected=incident.version, texts=TEXTS)
    incident.refresh_from_db()
    corrected = {name: getattr(incident, name) - MINUTE for name in PRECEDED_BY}
    corrected["acknowledged_at"] = incident.declared_at
    changed = incident_describe(
        by=SYSTEM, at=at + MINUTE, incident=incident, expected=incident.version, changes=corrected, why="by the log"
    )
    assert {name: getattr(changed, name) for name in corrected} == corrected
    page = client.get(f"{incident.url}?tab=triage").content.decode()
    for word in ("Impact started", "Detected", "Declared", "Acknowledged", "Mitigated", "Resolved", "Closed"):
        assert f"<dt>{word}</dt>" in page


@pytest.mark.django_db
def test_a_contradictory_time_of_an_import_is_shown_as_such(
    platform: Platform, at: datetime, operator: User, client_for: Callable[..., Client]
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    Incident.objects.filter(pk=incident.pk).update(acknowledged_at=at - MINUTE)
    assert "contradictory" in client_for(operator).get(f"{incident.url}?tab=triage").content.decode()


@pytest.mark.django_db
def test_the_share_of_documented_incidents_leaves_out_merged_open_and_hidden_ones(
    platform: Platform, at: datetime, operator: User, actor_for: Callable[..., Actor]
) -> None:
    by = actor_for(operator)
    assert documented_share(by, platform.pk, at).share is None
    good, bad, twin = (resolved(platform, at, label="P3") for _ in range(3))
    resolved(platform, at, type="security")
    declare(platform, by=SYSTEM, at=at)
    incident_describe(by=SYSTEM, at=at, incident=good, expected=good.version, changes=TEXTS)
    incident_merge(by=SYSTEM, at=at + MINUTE, incident=twin, expected=twin.version, target=bad)
    found = documented_share(by, platform.pk, at)
    assert (found.documented, found.total, found.share) == (1, 2, 0.5)
    assert documented_share(by, platform.pk, at + timedelta(days=1)).total == 0
    assert TimelineEntry.objects.filter(incident=bad, body__startswith="took in").exists()
