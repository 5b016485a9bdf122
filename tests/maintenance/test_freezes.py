"""Change freezes: begun and ended by a person, seen wherever changes are thought about."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from maintenance.loops import windows
from maintenance.models import OccurrenceState, OperationsLogEntry, WindowOccurrence
from maintenance.services.freezes import freeze_begin, freeze_end
from maintenance.services.windows import WindowInputError, WindowRefusedError
from monitoring.models import Annotation, AnnotationKind, Silence, SloExclusion
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Platform, Service
from tests.factories.accounts import token_persona
from tests.factories.monitoring import service_of, slo_of

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
HOUR = timedelta(hours=1)
JSON = "application/json"
pytestmark = pytest.mark.django_db


@pytest.fixture
def by(manager: User, actor_for: ActorFor) -> Actor:
    return actor_for(manager)


def begin(by: Actor, platform: Platform, at: datetime, service: Service | None = None) -> WindowOccurrence:
    return freeze_begin(
        by=by, at=at, platform=platform, service=service, reason="Budget is spent", ends_at=at + 2 * HOUR
    )  # fmt: skip


def test_a_freeze_is_a_record_and_silences_nothing(by: Actor, platform: Platform, at: datetime) -> None:
    made = begin(by, platform, at)
    assert (made.state, made.reason, made.asked_by_name) == (OccurrenceState.OPEN, "Budget is spent", by.name)
    mark = Annotation.objects.get(kind=AnnotationKind.FREEZE)
    assert (mark.service, mark.starts_at, mark.ends_at) == (None, at, at + 2 * HOUR)
    assert "Budget is spent" in mark.title
    assert (Silence.objects.count(), SloExclusion.objects.count()) == (0, 0)
    assert "Budget is spent" in OperationsLogEntry.objects.get().text
    assert AuditEntry.objects.filter(verb="maintenance.window.opened", obj_id=str(made.pk)).exists()


def test_the_same_is_frozen_once_and_a_service_apart(by: Actor, platform: Platform, at: datetime) -> None:
    begin(by, platform, at)
    with pytest.raises(WindowRefusedError, match=f"{by.name} froze this until"):
        begin(by, platform, at + HOUR)
    begin(by, platform, at + HOUR, service_of(platform))
    assert WindowOccurrence.objects.filter(state=OccurrenceState.OPEN).count() == 2
    windows(at + 2 * HOUR)  # the first is over by itself
    again = begin(by, platform, at + 2 * HOUR)
    assert WindowOccurrence.objects.filter(window=again.window).count() == 2


@pytest.mark.parametrize("lasts", [timedelta(), -HOUR, timedelta(days=93)])
def test_an_end_that_is_past_or_too_far_is_refused(
    by: Actor, platform: Platform, at: datetime, lasts: timedelta
) -> None:
    with pytest.raises(WindowInputError, match="at most 92 days"):
        freeze_begin(by=by, at=at, platform=platform, service=None, reason="x", ends_at=at + lasts)
    assert not WindowOccurrence.objects.exists()


def test_an_ended_freeze_ends_on_the_charts_too(by: Actor, platform: Platform, at: datetime) -> None:
    made = begin(by, platform, at, service_of(platform))
    with pytest.raises(VersionConflictError):
        freeze_end(by=by, at=at + HOUR, occurrence=made, expected=made.version - 1, reason="recovered")
    made.refresh_from_db()
    freeze_end(by=by, at=at + HOUR, occurrence=made, expected=made.version, reason="recovered")
    assert Annotation.objects.get(kind=AnnotationKind.FREEZE).ends_at == at + HOUR
    assert (made.state, made.end_reason, made.ended_by_name) == (OccurrenceState.CLOSED, "recovered", by.name)
    with pytest.raises(WindowRefusedError):
        freeze_end(by=by, at=at + HOUR, occurrence=made, expected=made.version, reason="again")
    windows(at + 2 * HOUR)
    made.refresh_from_db()
    assert made.ends_at == at + HOUR


def test_a_freeze_that_is_over_is_not_ended_later(
    by: Actor, platform: Platform, manager: User, client_for: ClientFor, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dispatcher was away: nobody closed it."""
    made = begin(by, platform, now() - 3 * HOUR)
    with pytest.raises(WindowRefusedError, match="Only a freeze that holds"):
        freeze_end(by=by, at=made.ends_at, occurrence=made, expected=made.version, reason="late")
    page = client_for(manager).get(reverse("maintenance:window", args=[made.pk])).content.decode()
    assert "End the freeze" not in page
    call_command("freeze", "list", "--as", manager.email)
    assert json.loads(capsys.readouterr().out) == []
    ends_at = made.ends_at
    made.refresh_from_db()
    assert (made.state, made.ends_at) == (OccurrenceState.OPEN, ends_at)


def test_the_button_freezes_and_every_page_says_so(
    platform: Platform, manager: User, viewer: User, client_for: ClientFor
) -> None:
    service, slo = service_of(platform), slo_of(platform, at=now() - timedelta(days=2))
    client = client_for(manager)
    ends_at = localtime(now() + 3 * HOUR).strftime("%Y-%m-%dT%H:%M")
    form = {"what": f"service-{service.pk}", "ends_at": ends_at, "reason": "Checkout burns", "idempotency_key": "k1"}
    address = reverse("maintenance:freeze-new")
    assert "service-" in client.get(f"{address}?what=service-{service.pk}").content.decode()
    assert client.post(address, form | {"reason": ""}).status_code == 422
    made = client.post(address, form)
    assert made.status_code == 303, made.content
    assert client.post(address, form)["Location"] == made["Location"]
    assert client.post(address, form | {"idempotency_key": "k2"}).status_code == 422
    assert WindowOccurrence.objects.count() == 1
    pages = [
        reverse("monitoring:overview"), reverse("monitoring:service", args=[service.pk]), reverse("monitoring:slos"),
        reverse("monitoring:slo", args=[slo.pk]), reverse("maintenance:calendar"), made["Location"],
    ]  # fmt: skip
    reader = client_for(viewer)
    for page in pages:
        assert "Change freeze of" in reader.get(page).content.decode(), page
    assert "End the freeze" not in reader.get(made["Location"]).content.decode()
    assert "End the freeze" in client.get(made["Location"]).content.decode()
    row = WindowOccurrence.objects.get()
    end = reverse("maintenance:freeze-end", args=[row.pk])
    assert reader.post(end, {"version": row.version, "reason": "x"}).status_code == 403
    assert client.post(end, {"version": row.version, "reason": "fixed"}).status_code == 303
    assert client.post(end, {"version": row.version + 1, "reason": "fixed"}).status_code == 400
    assert "frozen until" not in reader.get(reverse("monitoring:overview")).content.decode()
    assert "fixed" in reader.get(made["Location"]).content.decode()


def test_the_api_begins_and_ends_a_freeze(
    platform: Platform, commander: User, operator: User, client_for: ClientFor
) -> None:
    client = client_for(token_persona(commander, "freeze:write", "read"))
    ends_at = (now() + HOUR).isoformat()
    body = {"platform": platform.key, "ends_at": ends_at, "reason": "Launch week"}
    poor = client_for(token_persona(operator, "read"))
    assert poor.post("/api/v1/freezes/", body, content_type=JSON).status_code == 403
    assert client.post("/api/v1/freezes/", body | {"service": "nope"}, content_type=JSON).status_code == 422
    late = body | {"ends_at": (now() - HOUR).isoformat()}
    assert client.post("/api/v1/freezes/", late, content_type=JSON).status_code == 422
    made = client.post("/api/v1/freezes/", body, content_type=JSON)
    assert made.status_code == 201, made.content
    assert client.post("/api/v1/freezes/", body, content_type=JSON).status_code == 409
    listed = poor.get("/api/v1/windows/", {"kind": "freeze", "state": "open"}).json()["results"]
    assert [(row["id"], row["reason"], row["services"]) for row in listed] == [(made.json()["id"], "Launch week", [])]
    end = f"/api/v1/freezes/{made.json()['id']}/end/"
    assert client.post(end, {"reason": "over"}, content_type=JSON).status_code == 428
    headers = {"If-Match": made["ETag"]}
    done = client.post(end, {"reason": "over"}, content_type=JSON, headers=headers)
    assert (done.status_code, done.json()["state"], done.json()["end_reason"]) == (200, "closed", "over")
    assert client.post(end, {"reason": "over"}, content_type=JSON, headers=headers).status_code == 412
    again = client.post(end, {"reason": "over"}, content_type=JSON, headers={"If-Match": done["ETag"]})
    assert again.status_code == 409


def test_a_shell_begins_lists_and_ends_a_freeze(
    platform: Platform, manager: User, viewer: User, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="Only"):
        call_command("freeze", "begin", platform.key, "no", "--hours", "2", "--as", viewer.email)
    with pytest.raises(CommandError, match="92 days"):
        call_command("freeze", "begin", platform.key, "no", "--hours", "99999999999", "--as", manager.email)
    for reason in ("", " \t", "x" * 241):
        with pytest.raises(CommandError, match="Say why, in at most 240 characters"):
            call_command("freeze", "begin", platform.key, reason, "--hours", "2", "--as", manager.email)
    assert not WindowOccurrence.objects.exists()
    call_command("freeze", "begin", platform.key, "Budget is spent", "--hours", "2", "--as", manager.email)
    made = json.loads(capsys.readouterr().out)
    call_command("freeze", "list", "--as", viewer.email)
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [made["id"]]
    for reason in ("", "x" * 401):
        with pytest.raises(CommandError, match="Say why, in at most 400 characters"):
            call_command("freeze", "end", str(made["id"]), reason, "--as", manager.email)
    call_command("freeze", "end", str(made["id"]), "recovered", "--as", manager.email)
    assert json.loads(capsys.readouterr().out)["state"] == "closed"
    with pytest.raises(CommandError, match="Only a freeze that holds"):
        call_command("freeze", "end", str(made["id"]), "again", "--as", manager.email)
