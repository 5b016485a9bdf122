"""Pages, API and command of the intake: links shown once, topics, raw messages, groups, ratings, the week."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from monitoring.models import Alarm, AlarmRating, AlertSource, InboundMessage, SnsTopic
from monitoring.selectors.usefulness import week_of
from monitoring.services.inbound import inbound_judge
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.clock import now
from opsportal.platforms.models import Platform, Severity
from tests.bad_input import post_form
from tests.factories.accounts import TokenPersona, token_persona
from tests.factories.incidents import alarm, transition
from tests.factories.intake import OTHER_TOPIC, fired, post, source_of, together
from tests.factories.runbooks import runbook
from tests.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
LINK = re.compile(r"http://127\.0\.0\.1:8000(/in/[a-z]+/[\w-]{43}/)")


@pytest.fixture
def fires(platform: Platform) -> Alarm:
    """A group that fires."""
    _, link = source_of(platform, at=now())
    post(link, together(fired("DiskFull", severity="P1", starts=now().isoformat())))
    inbound_judge(at=now())
    return Alarm.objects.get(origin="alert")


def test_a_new_source_shows_its_link_once(admin: User, client_for: ClientFor, platform: Platform) -> None:
    client = client_for(admin)
    answer = client.post(reverse("monitoring:alert-source-new", args=["shop"]), {"name": "Pager", "kind": "pingdom"})
    found = LINK.search(answer.content.decode())
    assert found, text_of(answer)
    assert answer["Cache-Control"] == "no-store"
    assert post(found[1], b"{}").status_code == 200
    source = AlertSource.objects.get()
    assert not LINK.search(client.get(reverse("monitoring:alert-source", args=[source.pk])).content.decode())
    assert found[1].split("/")[3] not in str(AuditEntry.objects.latest("pk").data)


def test_a_second_source_of_the_name_is_refused_and_what_was_typed_stays(
    admin: User, client_for: ClientFor, platform: Platform
) -> None:
    source_of(platform, at=now(), name="Pager")
    answer = client_for(admin).post(
        reverse("monitoring:alert-source-new", args=["shop"]), {"name": "Pager", "kind": "mail"}
    )
    assert answer.status_code == 422
    assert "has a source of this name" in text_of(answer)
    assert 'value="Pager"' in answer.content.decode()


def test_the_mapping_is_tried_before_it_is_saved(admin: User, client_for: ClientFor, platform: Platform) -> None:
    source, _ = source_of(platform, at=now(), kind="generic")
    fields = {"fields": {"title": "what", "severity": "how"}, "rules": [{"field": "title", "contains": "disk",
              "service": "web", "signal": "disk", "severity": "P0"}]}  # fmt: skip
    path = reverse("monitoring:alert-source-preview", args=[source.pk])
    typed = {"mapping": json.dumps(fields), "sample": '{"what": "Disk is full", "how": "P2"}', "name": "x"}
    plain, swapped = client_for(admin).post(path, typed), client_for(admin).post(path, typed, HTTP_HX_REQUEST="true")
    assert "<html" in plain.content.decode()
    assert "<html" not in swapped.content.decode()
    for answer in (plain, swapped):
        assert "Disk is full Web · signal disk" in text_of(answer)
        assert "P0" in text_of(answer)
    wrong = client_for(admin).post(path, typed | {"sample": '{"other": 1}'})
    assert "Nothing stands at `what`" in text_of(wrong)
    broken = client_for(admin).post(path, typed | {"mapping": '{"fields": {"titel": "x"}}'})
    assert "cannot be read" in text_of(broken)
    source.refresh_from_db()
    assert source.mapping == {}
    assert not InboundMessage.objects.exists()


def test_a_change_needs_the_version_that_was_looked_at(admin: User, client_for: ClientFor, platform: Platform) -> None:
    source, _ = source_of(platform, at=now())
    path = reverse("monitoring:alert-source", args=[source.pk])
    typed = {"name": "Prometheus", "version": "1", "enabled": "on", "mapping": ""}
    assert client_for(admin).post(path, typed).status_code == 303
    assert client_for(admin).post(path, typed | {"name": "Late"}).status_code == 409
    answer = client_for(admin).post(path, typed | {"version": "2", "mapping": "{"})
    assert answer.status_code == 422
    source.refresh_from_db()
    assert source.name == "Prometheus"


def test_a_service_of_another_platform_is_no_choice(
    admin: User, client_for: ClientFor, platform: Platform, other_platform: Platform
) -> None:
    service = other_platform.services.first()
    assert service is not None
    answer = client_for(admin).post(
        reverse("monitoring:alert-source-new", args=["shop"]), {"name": "x", "kind": "mail", "service": service.pk}
    )
    assert answer.status_code == 422
    assert not AlertSource.objects.exists()


def test_a_topic_is_decided_on_the_page_of_its_source(admin: User, client_for: ClientFor, platform: Platform) -> None:
    source, _ = source_of(platform, at=now(), kind="sns")
    topic = SnsTopic.objects.create(source=source, platform=platform, arn=OTHER_TOPIC, first_seen_at=now())
    client = client_for(admin)
    assert "A topic asks to be heard" in text_of(client.get(reverse("monitoring:alert-source", args=[source.pk])))
    assert "1 SNS topic to approve" in text_of(client.get(reverse("monitoring:inbound")))
    path = reverse("monitoring:sns-topic", args=[topic.pk])
    assert client.post(path, {"version": "1", "decision": "perhaps"}).status_code == 422
    assert client.post(path, {"version": "1", "decision": "allow"}).status_code == 303
    topic.refresh_from_db()
    assert (topic.state, topic.decided_by) == ("allowed", admin)


def test_a_raw_message_is_shown_as_text_and_judged_again(
    admin: User, operator: User, client_for: ClientFor, platform: Platform
) -> None:
    _, link = source_of(platform, at=now())
    post(link, b"<script>alert(1)</script>\x00\xff")
    inbound_judge(at=now())
    message = InboundMessage.objects.get()
    path = reverse("monitoring:inbound-message", args=[message.pk])
    page = client_for(operator).get(path)
    assert "<script>alert" not in page.content.decode()
    assert "unreadable" in text_of(page)
    replay = reverse("monitoring:inbound-replay", args=[message.pk])
    assert client_for(operator).post(replay).status_code == 403
    assert client_for(admin).post(replay).status_code == 303
    again = InboundMessage.objects.latest("pk")
    assert (again.replay_of, again.replayed_by) == (message, admin)
    assert AuditEntry.objects.latest("pk").verb == "monitoring.inbound.replayed"
    listed = text_of(client_for(operator).get(reverse("monitoring:inbound"), {"verdict": "waiting"}))
    assert f"replay of #{message.pk}" in listed


def test_messages_are_for_those_who_work_there(
    viewer: User, stranger: User, client_for: ClientFor, fires: Alarm
) -> None:
    assert client_for(viewer).get(reverse("monitoring:inbound")).status_code == 403
    page = client_for(stranger).get(reverse("monitoring:inbound"))
    assert "No message here" in text_of(page)


def test_a_group_shows_its_subjects_and_is_ended_by_hand(operator: User, client_for: ClientFor, fires: Alarm) -> None:
    client = client_for(operator)
    listed = text_of(client.get(reverse("monitoring:alert-groups")))
    assert "DiskFull of web" in listed
    page = text_of(client.get(reverse("monitoring:alarm", args=[fires.pk])))
    assert "What it is about" in page
    assert "Told by Source alertmanager" in page
    path = reverse("monitoring:alert-group-end", args=[fires.pk])
    assert client.post(path, {}).status_code == 400
    assert client.post(path, {"version": fires.version, "reason": "cleaned"}).status_code == 303
    fires.refresh_from_db()
    assert (fires.state, fires.value) == ("ok", 0)
    assert "over since" in text_of(client.get(reverse("monitoring:alert-groups"), {"state": "ok"}))


def test_a_firing_is_rated_and_rated_again(operator: User, client_for: ClientFor, fires: Alarm) -> None:
    client, event = client_for(operator), fires.transitions.get()
    path = reverse("monitoring:alarm-rate", args=[fires.pk])
    for word in ("noise", "noise", "useful"):
        assert client.post(path, {"transition": event.pk, "word": word}).status_code == 303
    assert AlarmRating.objects.get().word == "useful"
    assert AuditEntry.objects.filter(verb="monitoring.alarm.rated").count() == 2
    assert 'aria-pressed="true"' in client.get(reverse("monitoring:alarm", args=[fires.pk])).content.decode()
    assert client.post(path, {"transition": event.pk, "word": "so so"}).status_code == 400


def test_the_week_puts_what_pages_first_then_what_is_noise(
    operator: User, client_for: ClientFor, platform: Platform
) -> None:
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    pages = Severity.objects.get(scheme__platform=platform, scheme__kind="alert", rank=1)
    loud = alarm(platform, key="loud", signal="loud", severity=None)
    paging = alarm(platform, key="paging", signal="paging", severity=pages)
    quiet = alarm(platform, key="quiet", signal="quiet", severity=None)
    runbook(platform, at=at, slug="p", title="Paging", triggers={"alarms": ["paging"]})
    events = [transition(loud, "alarm", at + timedelta(minutes=n)) for n in range(3)]
    transition(loud, "alarm", at + timedelta(minutes=5), from_state="alarm")  # it goes on, which is no other firing
    transition(paging, "alarm", at)
    transition(paging, "alarm", at + timedelta(minutes=1), silenced=True)
    transition(paging, "alarm", at - timedelta(days=7))
    for n in range(9):
        transition(quiet, "alarm", at + timedelta(minutes=n))
    AlarmRating.objects.create(platform=platform, transition=events[0], user=operator, word="noise", rated_at=at)
    answer = client_for(operator).get(reverse("monitoring:alarm-week"), {"week": "2026-W11"})
    said = text_of(answer)
    assert said.index("Alarm paging") < said.index("Alarm loud") < said.index("Alarm quiet")
    token = token_persona(operator, "monitoring:read")
    found = client_for(token).get("/api/v1/alarm-weeks/", {"week": "2026-W11"}).json()["results"]
    assert [(row["name"], row["pages"], row["firings"], row["silenced"], row["noise"], row["has_runbook"])
            for row in found] == [
        ("Alarm paging", 1, 2, 1, 0, True), ("Alarm loud", 0, 3, 0, 1, False), ("Alarm quiet", 0, 9, 0, 0, False),
    ]  # fmt: skip
    assert found[1]["unrated"] == 2
    assert client_for(token).get("/api/v1/alarm-weeks/", {"week": "2026-W99"}).status_code == 400


def test_a_week_is_the_zone_s_own() -> None:
    week = week_of("2026-W13", at=datetime(2026, 1, 1, tzinfo=UTC), zone=ZoneInfo("Europe/Berlin"))
    assert (week.start.astimezone(UTC).isoformat(), week.end.astimezone(UTC).isoformat()) == (
        "2026-03-22T23:00:00+00:00", "2026-03-29T22:00:00+00:00",
    )  # fmt: skip
    assert (week.other(-1), week.other(1), week.key) == ("2026-W12", "2026-W14", "2026-W13")
    assert week_of("nonsense", at=datetime(2026, 1, 1, tzinfo=UTC), zone=ZoneInfo("UTC")).key == "2026-W01"
    assert week_of("2025-W53", at=datetime(2026, 1, 1, tzinfo=UTC), zone=ZoneInfo("UTC")).key == "2026-W01"


@pytest.fixture
def machine(admin: User) -> TokenPersona:
    return token_persona(admin, "monitoring:read", "alert:write")


def test_the_api_reads_rates_ends_and_replays(machine: TokenPersona, client_for: ClientFor, fires: Alarm) -> None:
    client = client_for(machine)
    (source,) = client.get("/api/v1/alert-sources/").json()["results"]
    assert (source["kind"], "key" in json.dumps(source)) == ("alertmanager", False)
    (group,) = client.get("/api/v1/alert-groups/", {"state": "alarm"}).json()["results"]
    assert (group["name"], group["subjects"], group["alerts"]) == ("DiskFull of web", 1, 1)
    (told,) = client.get(f"/api/v1/alarms/{fires.pk}/alerts/").json()["results"]
    assert told["labels"]["alertname"] == "DiskFull"
    rating = {"transition": fires.transitions.get().pk, "word": "no_action"}
    assert client.post(f"/api/v1/alarms/{fires.pk}/ratings/", rating, "application/json").status_code == 201
    other = rating | {"transition": 10**12}
    assert client.post(f"/api/v1/alarms/{fires.pk}/ratings/", other, "application/json").status_code == 400
    end = f"/api/v1/alarms/{fires.pk}/end/"
    assert client.post(end, {}, "application/json").status_code == 428
    etag = client.get(f"/api/v1/alarms/{fires.pk}/")["ETag"]
    assert client.post(end, {}, "application/json", HTTP_IF_MATCH=etag).json()["state"] == "ok"
    (message,) = client.get("/api/v1/inbound-messages/").json()["results"]
    assert "DiskFull" in client.get(f"/api/v1/inbound-messages/{message['id']}/").json()["body"]
    again = client.post(f"/api/v1/inbound-messages/{message['id']}/replay/", {}, "application/json")
    assert (again.status_code, again.json()["replay_of"]) == (201, message["id"])


def told(*arguments: str, by: str) -> Any:
    out = StringIO()
    call_command("intake", *arguments, "--as", by, stdout=out)
    return json.loads(out.getvalue())


def test_the_command_lists_replays_and_tries(admin: User, viewer: User, fires: Alarm) -> None:
    (source,) = told("list", by=admin.email)
    (message,) = told("messages", "--source", str(source["id"]), by=admin.email)
    assert told("replay", str(message["id"]), by=admin.email)["verdict"] == "waiting"
    sample = told("test", str(source["id"]), by=admin.email)
    inbound_judge(at=now())
    assert InboundMessage.objects.get(pk=sample["id"]).reason.startswith("A try")
    with pytest.raises(CommandError, match="Only administrators may do this"):
        told("replay", str(message["id"]), by=viewer.email)
    with pytest.raises(CommandError, match="none with this number"):
        told("replay", "999999", by=admin.email)
    with pytest.raises(CommandError, match="Nobody active"):
        told("list", by="nobody@example.org")


def test_bad_text_is_stored_clean_or_refused(
    admin: User, client_for: ClientFor, platform: Platform, bad_text: str
) -> None:
    source, _ = source_of(platform, at=now(), kind="generic")
    client = client_for(admin)
    typed = {"name": bad_text, "mapping": bad_text, "sample": bad_text, "version": "1", "reason": bad_text}
    for name in ("alert-source", "alert-source-preview"):
        assert post_form(client, reverse(f"monitoring:{name}", args=[source.pk]), typed).status_code < 500
    new = reverse("monitoring:alert-source-new", args=["shop"])
    assert post_form(client, new, typed | {"kind": "mail"}).status_code < 500
