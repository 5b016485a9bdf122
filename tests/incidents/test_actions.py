"""Posts: plain and by htmx, with and without the right, with nonsense."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import ActionItem, Incident, Review, StatusUpdate, TimelineEntry
from incidents.services import entry_log, incident_resolve, review_draft
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.clock import now
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare, severity

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


@pytest.fixture
def incident(platform: Platform, by: Actor, at: datetime) -> Incident:
    return declare(platform, by=by, at=at)


def say(client: Client, incident: Incident, text: str, *, version: int | None = None, **more: str) -> int:
    incident.refresh_from_db()
    data = {"text": text, "version": version or incident.version, "client_key": more.pop("client_key", "")}
    return client.post(f"{incident.url}log/", data | more).status_code


def last(incident: Incident) -> TimelineEntry:
    return TimelineEntry.objects.filter(incident=incident).order_by("-number")[0]


def test_a_plain_line_is_logged_and_leads_back(client_for: ClientFor, operator: User, incident: Incident) -> None:
    response = client_for(operator).post(
        f"{incident.url}log/", {"text": "errors on /orders", "version": incident.version, "client_key": "k"}
    )
    assert response.status_code == 303
    assert response["Location"].startswith(incident.url)
    assert (last(incident).body, last(incident).author_id) == ("errors on /orders", operator.pk)


def test_htmx_gets_the_new_lines_and_an_empty_composer(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    seen = last(incident).number
    response = client_for(operator).post(
        f"{incident.url}log/",
        {"text": "errors on /orders", "version": incident.version, "client_key": "k", "last": seen},
        headers=HTMX,
    )
    body = response.content.decode()
    assert body.count('id="entry-') == 1
    assert f'id="incident-{incident.pk}-more"' in body
    assert "errors on /orders" in body
    assert 'hx-swap-oob="true"' in body
    assert 'value="errors' not in body


def test_a_resend_is_stored_once(client_for: ClientFor, operator: User, incident: Incident) -> None:
    client = client_for(operator)
    for _ in range(3):
        assert say(client, incident, "pool is full", client_key="one") == 303
    assert TimelineEntry.objects.filter(body="pool is full").count() == 1


@pytest.mark.parametrize(
    "line, check",
    [
        ("/severity p0 everyone", lambda row: row.severity.label == "P0"),
        ("/severity P 0", lambda row: row.severity.label == "P0"),
        ("/severity 0", lambda row: row.severity.label == "P0"),
        ("/status respond", lambda row: row.stage == "respond"),
        ("/status mitigated traffic moved", lambda row: row.mitigated_at is not None),
        ("/status resolved pool of 50", lambda row: row.state == "resolved" and row.resolution == "pool of 50"),
        ("/update identified We found it.", lambda row: row.updates.get().state == "identified"),
        ("/update internal monitoring Watch it", lambda row: row.updates.get().audience == "internal"),
        ("/update We look into it.", lambda row: row.updates.get().body == "We look into it."),
        ("/role scribe", lambda row: row.roles.filter(role="scribe", user__name="Operator").exists()),
        ("/role commun @Viewer", lambda row: row.roles.filter(role="communications", user__name="Viewer").exists()),
        ("/assign @commander", lambda row: row.commander.name == "Commander"),
        ("/decision raise the pool", lambda row: row.entries.filter(kind="decision").count() == 1),
    ],
)
def test_slash_commands_do_what_the_buttons_do(
    client_for: ClientFor,
    operator: User,
    commander: User,
    viewer: User,
    incident: Incident,
    line: str,
    check: Callable[[Incident], bool],
) -> None:
    assert say(client_for(operator), incident, line) == 303
    assert check(Incident.objects.get(pk=incident.pk))


@pytest.mark.parametrize(
    "line, why",
    [
        ("/severity", "Write /severity"),
        ("/severity P9", "Known: P0, P1, P2, P3"),
        ("/severity 10", "Known: P0, P1, P2, P3"),
        ("/at 25:00 x", "no time of day"),
        ("/at soon", "Write /at"),
        ("/status done", "Write /status"),
        ("/assign @zoe", "Nobody on this platform"),
        ("/role king", "is no role"),
        ("/update", "Write /update"),
        ("/dance", "is no command"),
        ("   ", "required"),
    ],
)
def test_a_line_that_is_not_understood_keeps_the_text_and_says_why(
    client_for: ClientFor, operator: User, incident: Incident, line: str, why: str
) -> None:
    before = TimelineEntry.objects.count(), AuditEntry.objects.count()
    client = client_for(operator)
    data = {"text": line, "version": incident.version}
    plain = client.post(f"{incident.url}log/", data)
    live = client.post(f"{incident.url}log/", data, headers=HTMX)
    assert (plain.status_code, live.status_code) == (422, 422)
    assert why in plain.content.decode().replace("&#39;", "'")
    assert live["HX-Retarget"] == f"#incident-{incident.pk}-composer"
    assert line.strip() in live.content.decode()
    assert (TimelineEntry.objects.count(), AuditEntry.objects.count()) == before


def test_a_command_on_a_stale_page_is_refused_and_kept(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    stale = incident.version
    client = client_for(operator)
    assert say(client, incident, "/status respond") == 303
    response = client.post(f"{incident.url}log/", {"text": "/severity P0", "version": stale}, headers=HTMX)
    assert response.status_code == 409
    assert "/severity P0" in response.content.decode()
    assert say(client, incident, "just a line", version=stale) == 303


def test_a_time_typed_is_read_in_the_persons_zone(client_for: ClientFor, operator: User, incident: Incident) -> None:
    User.objects.filter(pk=operator.pk).update(zone="Asia/Tokyo")
    with timezone.override("Asia/Tokyo"):
        assert say(client_for(operator), incident, "/at 00:01 first error") == 303
    entry = last(incident)
    assert (entry.occurred_at.hour, entry.occurred_at.minute, entry.body) == (15, 1, "first error")


def test_a_line_before_the_recorded_start_of_the_impact_offers_to_move_it(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    Incident.objects.filter(pk=incident.pk).update(impact_started_at=now() - timedelta(minutes=30))
    client = client_for(operator)

    def answer(text: str) -> str:
        data = {"text": text, "version": incident.version}
        return str(client.post(f"{incident.url}log/", data, headers=HTMX).content.decode())

    assert "before the impact began" not in answer("/at -30m first errors")
    body = answer("/at -42m first call")
    earlier = timezone.localtime(last(incident).occurred_at)
    link = f"{incident.url}describe/?impact_started_at={earlier:%Y-%m-%dT%H:%M}"
    assert f"Move the start to {earlier:%H:%M}" in body
    assert f'href="{link}"' in body
    assert f'value="{earlier:%Y-%m-%dT%H:%M}"' in client.get(link).content.decode()


@pytest.mark.parametrize(
    "path, data",
    [
        ("severity", {"severity": 0}),
        ("role", {"role": "scribe"}),
        ("stage", {"stage": "respond"}),
        ("update", {"state": "identified", "audience": "public", "body": "x"}),
        ("mitigate", {}),
        ("resolve", {"resolution": "x"}),
        ("triage", {"users": "yes"}),
        ("describe", {"title": "x"}),
        ("restrict", {"is_restricted": "on"}),
        ("log", {"text": "x"}),
        ("actions", {"title": "x"}),
    ],
)
def test_viewers_and_strangers_change_nothing(
    client_for: ClientFor, viewer: User, stranger: User, incident: Incident, path: str, data: dict[str, str]
) -> None:
    before = (Incident.objects.values().get(), TimelineEntry.objects.count(), AuditEntry.objects.count())
    for who, status in ((viewer, 403), (stranger, 404)):
        posted = client_for(who).post(f"{incident.url}{path}/", {"version": incident.version, **data})
        assert posted.status_code == status, (who, path)
    assert (Incident.objects.values().get(), TimelineEntry.objects.count(), AuditEntry.objects.count()) == before


def test_an_operator_without_command_logs_but_does_not_steer(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    client = client_for(operator)
    assert say(client, incident, "I look") == 303
    assert say(client, incident, "/severity P0") == 403
    assert client.post(f"{incident.url}acknowledge/", {"version": incident.version}).status_code == 303
    assert say(client, incident, "/severity P0") == 303


def test_the_second_commander_is_told_by_409(
    client_for: ClientFor, operator: User, commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    assert client_for(operator).post(f"{incident.url}acknowledge/", {"version": 1}).status_code == 303
    response = client_for(commander).post(f"{incident.url}acknowledge/", {"version": 1})
    assert response.status_code == 409
    assert "Operator took command first" in response.content.decode()


def test_command_held_by_another_is_not_taken_by_an_operator(
    client_for: ClientFor, operator: User, commander: User, actor_for: ActorFor, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=actor_for(commander), at=at)
    client = client_for(operator)
    assert say(client, incident, "/role commander") == 403
    data = {"role": "commander", "user_id": operator.pk, "version": incident.version}
    assert client.post(f"{incident.url}role/", data).status_code == 403
    assert client_for(commander).post(f"{incident.url}role/", data).status_code == 303


def test_a_lost_race_shows_both_sides(client_for: ClientFor, operator: User, incident: Incident) -> None:
    client = client_for(operator)
    stale = incident.version
    say(client, incident, "/status respond")
    response = client.post(f"{incident.url}describe/", {"title": "My title", "cause": "pool", "version": stale})
    assert response.status_code == 409
    assert "My title" in response.content.decode()
    assert Incident.objects.get().title == "Checkout fails"


def test_every_act_has_a_page_that_works_without_script(
    client_for: ClientFor, commander: User, incident: Incident, platform: Platform
) -> None:
    client = client_for(commander)
    for name in ("severity", "role", "stage", "update", "triage", "mitigate", "resolve", "close", "reopen", "describe",
                 "restrict", "acknowledge", "decision"):  # fmt: skip
        response = client.get(f"{incident.url}{name}/")
        assert response.status_code == 200, name
        assert 'method="post"' in response.content.decode()
    done = client.post(
        f"{incident.url}severity/", {"severity": severity(platform, "P0").pk, "why": "all", "version": incident.version}
    )
    assert done.status_code == 303


def test_a_whole_incident_by_plain_forms(
    client_for: ClientFor, operator: User, commander: User, platform: Platform
) -> None:
    mine, other = client_for(operator), client_for(commander)
    service = platform.services.get()
    mine.post("/incidents/declare/", {"title": "Down", "service": service.pk, "take_command": "on"})
    incident = Incident.objects.get()

    def act(client: Client, path: str, **data: str) -> None:
        incident.refresh_from_db()
        data.setdefault("version", str(incident.version))
        response = client.post(f"{incident.url}{path}/", data)
        assert response.status_code == 303, (path, response.status_code, response.content[-800:])

    act(mine, "triage", users="yes", users_note="about 40")
    act(mine, "update", state="investigating", audience="public", body="We look into it.")
    act(mine, "mitigate", note="traffic moved")
    act(mine, "resolve", resolution="Pool of 50")
    refused = mine.post(f"{incident.url}close/", {"version": Incident.objects.get().version})
    assert refused.status_code == 422
    act(mine, "describe", title="Down", users_affected="40", cause="Pool of 10", resolution="Pool of 50")
    act(mine, "close")
    review = Review.objects.get()
    section = review.sections.get(key="prevention")
    edited = mine.post(f"{review.url}sections/prevention/", {"body": "Alert at 80 %", "version": section.version})
    assert edited.status_code == 303
    review.refresh_from_db()
    assert mine.post(f"{review.url}submit/", {"version": review.version}).status_code == 303
    review.refresh_from_db()
    for client, status in ((mine, 403), (other, 303)):
        said = {"version": review.version, "note": "Nobody knows more"}
        assert client.post(f"{review.url}publish/", said).status_code == status
    assert Review.objects.get().published_by == commander
    assert StatusUpdate.objects.count() == 1


def test_a_review_is_sent_back_with_a_reason(
    client_for: ClientFor, operator: User, commander: User, incident: Incident, by: Actor, at: datetime
) -> None:
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at, incident=done)
    mine, other = client_for(operator), client_for(commander)
    assert mine.post(f"{review.url}submit/", {"version": 1}).status_code == 303
    assert other.post(f"{review.url}send-back/", {"version": 2, "note": " "}).status_code == 422
    assert other.post(f"{review.url}send-back/", {"version": 2, "note": "Cause is missing"}).status_code == 303
    assert Review.objects.get().state == "draft"
    assert other.post(f"{review.url}publish/", {"version": 3}).status_code == 422


def test_an_author_who_commands_cannot_publish_his_own(
    client_for: ClientFor, commander: User, actor_for: ActorFor, platform: Platform, at: datetime
) -> None:
    by = actor_for(commander)
    incident = declare(platform, by=by, at=at)
    review = review_draft(
        by=by, at=at, incident=incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    )
    client = client_for(commander)
    client.post(f"{review.url}submit/", {"version": 1})
    assert client.post(f"{review.url}publish/", {"version": 2}).status_code == 403
    assert Review.objects.get().state == "in_review"


def test_action_items_are_done_with_evidence_only(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    client = client_for(operator)
    past = {"title": "Alert on pool", "due_date": "2020-01-01"}
    assert "01 Jan 2020 is past" in client.post(f"{incident.url}actions/", past).content.decode()
    data = {"title": "Alert on pool", "owner_id": operator.pk, "due_date": f"{now() + timedelta(days=7):%Y-%m-%d}"}
    assert client.post(f"{incident.url}actions/", data).status_code == 303
    item = ActionItem.objects.get()
    path, change = (
        f"/actions/{item.number}/change/",
        {"state": "done", "owner_id": operator.pk, "due_date": "", "version": 1},
    )
    assert client.post(path, change).status_code == 422
    assert client.post(path, change | {"evidence": "change 7812"}).status_code == 303
    assert client.post(path, change | {"evidence": "again"}).status_code == 409
    item.refresh_from_db()
    assert (item.state, item.evidence, item.finished_at is not None) == ("done", "change 7812", True)


def test_only_its_author_or_the_commander_corrects_a_line(
    client_for: ClientFor, operator: User, admin: User, commander: User, incident: Incident, by: Actor, at: datetime
) -> None:
    entry = entry_log(by=by, at=at, incident=incident, body="eror")
    path = f"{incident.url}log/{entry.number}/correct/"
    assert client_for(admin).post(path, {"body": "x"}).status_code == 403
    assert client_for(commander).get(path).status_code == 200
    assert client_for(operator).post(path, {"body": "error"}).status_code == 303
    assert "<del>eror</del>" in client_for(admin).get(incident.url).content.decode()


def test_bad_text_is_refused_or_stored_clean(
    client_for: ClientFor, operator: User, incident: Incident, bad_text: str
) -> None:
    client = client_for(operator)
    service = incident.service_id
    for path, data in (
        (f"{incident.url}log/", {"text": bad_text, "version": incident.version, "client_key": bad_text}),
        (f"{incident.url}log/", {"text": "x", "version": bad_text, "last": bad_text}),
        (f"{incident.url}describe/", {"title": bad_text, "cause": bad_text, "version": incident.version,
                                      "impact_started_at": bad_text}),
        ("/incidents/declare/", {"title": bad_text, "service": service, "severity": bad_text, "summary": bad_text}),
        (f"{incident.url}role/", {"role": bad_text, "user_id": bad_text, "version": incident.version}),
        (f"{incident.url}actions/", {"title": bad_text, "owner_id": bad_text, "due_date": bad_text}),
    ):  # fmt: skip
        response = client.post(path, {name: str(value).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
                                      for name, value in data.items()})  # fmt: skip
        assert response.status_code < 500, path
    for path in ("/incidents/", incident.url):
        body = client.get(path).content.decode()
        assert "<script>alert" not in body
        assert "javascript:" not in body.replace("[x](javascript:", "")


def test_the_record_sent_back_as_shown_corrects_no_time(
    client_for: ClientFor, operator: User, by: Actor, platform: Platform
) -> None:
    User.objects.filter(pk=operator.pk).update(zone="Europe/Berlin")
    began = datetime.fromisoformat("2026-03-09T14:41:23.500+00:00")
    incident = declare(platform, by=by, at=began)
    incident_resolve(by=by, at=began + timedelta(seconds=20), incident=incident, expected=incident.version)
    incident.refresh_from_db()
    client = client_for(operator)
    page = client.get(f"{incident.url}describe/").content.decode()
    shown = dict(re.findall(r'name="(\w+_at)" value="([^"]+)"', page))
    names = ("acknowledged", "declared", "detected", "impact_started", "mitigated", "resolved")
    assert sorted(shown) == [f"{name}_at" for name in names]
    lines = incident.entries.count()
    data = {"title": incident.title, "cause": "Pool of 10", "version": incident.version, **shown}
    assert client.post(f"{incident.url}describe/", data).status_code == 303
    before, incident = incident, Incident.objects.get()
    assert incident.cause == "Pool of 10"
    assert all(getattr(incident, name) == getattr(before, name) for name in shown)
    assert incident.entries.count() == lines

    data |= {"version": incident.version, "impact_started_at": shown["impact_started_at"].replace(":41", ":30")}
    assert client.post(f"{incident.url}describe/", data).status_code == 422
    assert client.post(f"{incident.url}describe/", data | {"why": "first failed order"}).status_code == 303
    corrected = Incident.objects.get()
    assert (corrected.impact_started_at.minute, corrected.detected_at) == (30, before.detected_at)
