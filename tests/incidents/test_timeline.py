"""Lines of a timeline: pinned, tagged, filtered; tasks, kept graphs, files, lines that come late."""

import base64
import csv
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from incidents.commands import CommandError, parse
from incidents.errors import IncidentError
from incidents.loops import remind_tasks
from incidents.models import Attachment, EntryMark, Incident, ResponseTask
from incidents.selectors.reviews import key_entries
from incidents.services import entry_correct, entry_log
from incidents.services.attachments import MOST_BYTES, MOST_FILES, attachment_add, file_name, media_type
from incidents.services.graphs import metric_keep
from incidents.services.marks import MOST_PINS, entry_pin, entry_tag, line_pin
from incidents.services.tasks import task_add, task_take, task_tick
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform
from tests.bad_input import post_form
from tests.factories.incidents import declare
from tests.factories.monitoring import metric_of, write

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NIGHT = datetime.fromisoformat("2026-03-04T01:30:00+00:00")


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


@pytest.fixture
def incident(platform: Platform, by: Actor, at: datetime) -> Incident:
    return declare(platform, by=by, at=at)


def text(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers or None)
    assert response.status_code == 200, path
    return response.content.decode()


def log(client: Client, incident: Incident, line: str, **more: object) -> int:
    incident.refresh_from_db()
    data = {"text": line, "version": incident.version, "client_key": line[:60], **more}
    return client.post(f"{incident.url}log/", data).status_code


@pytest.mark.parametrize(
    "typed, title, person, minutes",
    [
        ("/task Restart the pool", "Restart the pool", "", None),
        ("/task Restart the pool @Omar 15m", "Restart the pool", "Omar", 15),
        ("/task Restart the pool 2h @Omar Haddad", "Restart the pool", "Omar Haddad", 120),
        ("/task Mail ops@example.com the log", "Mail ops@example.com the log", "", None),
        ("/task Ask @Mia 1 d", "Ask", "Mia", 1440),
        ("/TASK Look at p99 30 min", "Look at p99", "", 30),
    ],
)
def test_a_task_is_read_with_its_owner_and_time(typed: str, title: str, person: str, minutes: int | None) -> None:
    command = parse(typed, now=NIGHT, zone="UTC")
    within = timedelta(minutes=minutes) if minutes else None
    assert (command.name, command.body, command.person, command.within) == ("task", title, person, within)


@pytest.mark.parametrize("typed", ["/task", "/task 15m", "/task @Omar", "/pin", "/metric", "/assign"])
def test_a_command_without_its_text_says_how_it_is_written(typed: str) -> None:
    with pytest.raises(CommandError, match=f"Write {typed.split(maxsplit=1)[0]} "):
        parse(typed, now=NIGHT, zone="UTC")


def test_command_passes_on_with_a_note() -> None:
    command = parse("/assign @Omar Haddad: pool is restarted, watch p99", now=NIGHT, zone="UTC")
    assert (command.person, command.body) == ("Omar Haddad", "pool is restarted, watch p99")
    command = parse("/role scribe @Mia", now=NIGHT, zone="UTC")
    assert (command.word, command.person, command.body) == ("scribe", "Mia", "")


def test_a_resent_line_task_and_pin_are_stored_once(client_for: ClientFor, operator: User, incident: Incident) -> None:
    client = client_for(operator)
    before = incident.entries.count()
    for _ in range(3):
        assert log(client, incident, "full", client_key="k1", held=9) == 303
        assert log(client, incident, "/task Restart 15m", client_key="k2") == 303
        assert log(client, incident, "/pin Call the vendor", client_key="k3") == 303
    assert incident.entries.count() == before + 3
    assert ResponseTask.objects.count() == EntryMark.objects.count() == 1


def test_a_number_pins_the_line_that_has_it(client_for: ClientFor, operator: User, incident: Incident) -> None:
    client = client_for(operator)
    assert log(client, incident, "The vendor is called") == 303
    line = incident.entries.latest("number")
    for typed in (f"/pin {line.number}", f"/pin #{line.number}"):
        assert log(client, incident, typed) == 303
    assert EntryMark.objects.get().entry == line
    assert incident.entries.latest("number") == line
    assert log(client, incident, "/pin 999") == 422
    assert EntryMark.objects.count() == 1


def test_pinned_lines_stand_above_and_come_live(
    client_for: ClientFor, operator: User, viewer: User, incident: Incident, by: Actor, at: datetime
) -> None:
    line = entry_log(by=by, at=at, incident=incident, body="The vendor's number is 555")
    client = client_for(operator)
    pin = f"{incident.url}log/{line.number}/pin/"
    for _ in range(2):
        assert client.post(pin, {"on": "yes"}).status_code == 303
    strip = '<ol class="tl pins"'
    assert strip in text(client_for(viewer), incident.url)
    fresh = text(client, f"{incident.url}entries/?after={line.number}", **HTMX)
    assert f'id="incident-{incident.pk}-pins" hx-swap-oob="true"' in fresh
    assert "555" in fresh
    second = entry_correct(by=by, at=at, entry=line, body="The vendor's number is 556")
    last = entry_correct(by=by, at=at, entry=second, body="The vendor's number is 557")
    assert "557 <a" in text(client, incident.url).split(strip)[1].split("</ol>")[0]
    assert client.post(f"{incident.url}log/{last.number}/pin/", {}).status_code == 303
    assert strip not in text(client, incident.url)
    verbs = (
        AuditEntry.objects.filter(verb__startswith="incidents.entry.").order_by("seq").values_list("verb", flat=True)
    )
    assert [verb.rsplit(".", 1)[1] for verb in verbs] == ["logged", "pinned", "corrected", "corrected", "unpinned"]


def test_pins_tags_and_words_have_limits(incident: Incident, by: Actor, at: datetime) -> None:
    for n in range(MOST_PINS):
        line_pin(by=by, at=at, incident=incident, body=f"line {n}")
    with pytest.raises(IncidentError, match="take one off first"):
        line_pin(by=by, at=at, incident=incident, body="one more")
    entry = incident.entries.earliest("number")
    for word in ("two words", "", "#", "<b>", "x" * 41):
        with pytest.raises(IncidentError, match="A tag is one word"):
            entry_tag(by=by, at=at, entry=entry, word=word, on=True)
    for n in range(10):
        entry_tag(by=by, at=at, entry=entry, word=f"#Tag-{n}", on=True)
    with pytest.raises(IncidentError, match="at most 10 tags"):
        entry_tag(by=by, at=at, entry=entry, word="eleventh", on=True)
    assert not entry_tag(by=by, at=at, entry=entry, word="TAG-3", on=True)


def test_a_star_is_ones_own_and_a_viewer_may_give_it(
    client_for: ClientFor, viewer: User, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    line = entry_log(by=by, at=at, incident=incident, body="remember this")
    client = client_for(viewer)
    page = f"{incident.url}log/{line.number}/"
    assert client.post(f"{page}star/", {"on": "yes"}).status_code == 303
    assert client.post(f"{page}pin/", {"on": "yes"}).status_code == 403
    assert "Take my star off" in text(client, page)
    assert "remember this" in text(client, f"{incident.url}?starred=on")
    assert "remember this" not in text(client_for(operator), f"{incident.url}?starred=on")
    exported = client.get(f"{incident.url}timeline.json")
    assert "★" not in b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_filter_narrows_the_page_and_what_comes_live(
    client_for: ClientFor,
    operator: User,
    commander: User,
    incident: Incident,
    by: Actor,
    actor_for: ActorFor,
    at: datetime,
) -> None:
    entry_log(by=by, at=at, incident=incident, body="pool is full")
    entry_log(by=actor_for(commander), at=at, incident=incident, body="rolled back")
    decided = entry_log(by=actor_for(commander), at=at, incident=incident, body="scale out", kind="decision")
    entry_tag(by=by, at=at, entry=decided, word="capacity", on=True)
    client = client_for(operator)
    all_of_them = ("pool is full", "rolled back", "scale out")
    for query, shown in (
        ("kind=decision", "scale out"),
        (f"by={commander.pk}&kind=log", "rolled back"),
        ("q=POOL", "pool is full"),
        ("tag=%23Capacity", "scale out"),
        ("by=999999&kind=zzz&q=rolled", "rolled back"),
    ):
        for path, headers in ((incident.url, {}), (f"{incident.url}entries/", HTMX)):
            body = text(client, f"{path}?{query}&after=0", **headers).split("incident-form")[0]
            found = [word for word in all_of_them if re.search(rf"</(?:b|span)> (?:<b>Decision:</b> )?{word}", body)]
            assert found == [shown], (query, path)
    page = text(client, f"{incident.url}?kind=decision")
    assert f"entries/?after={decided.number}&amp;kind=decision" in page
    sent = {"text": "not shown", "version": incident.version, "last": decided.number, "filter": "kind=decision"}
    answer = client.post(f"{incident.url}log/", sent, headers=HTMX)
    assert "not shown" not in answer.content.decode()
    assert answer["X-Toast"] == "Logged. The filter hides it."
    assert "No line is like this." in text(client, f"{incident.url}?q=nothing+like+it")


def test_earlier_lines_of_a_filter_are_reached(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    for n in range(80):
        entry_log(by=by, at=at, incident=incident, body=f"line {n}.", kind="decision" if n % 2 else "log")
    client, seen = client_for(operator), set()
    path = f"{incident.url}?kind=decision"
    for _ in range(3):
        body = text(client, path)
        seen |= set(re.findall(r"line (\d+)\.", body))
        earlier = re.search(r'href="(\?before=\d+&amp;kind=decision)">Earlier entries', body)
        if not earlier:
            break
        path = f"{incident.url}{earlier[1].replace('&amp;', '&')}"
    assert seen == {str(n) for n in range(1, 80, 2)}


def test_a_task_is_asked_taken_done_and_taken_back(
    client_for: ClientFor, operator: User, commander: User, incident: Incident, actor_for: ActorFor
) -> None:
    client = client_for(commander)
    assert log(client, incident, f"/task Restart the pool @{operator.name} 15m") == 303
    task = ResponseTask.objects.get()
    assert task.owner == operator
    assert Notice.objects.get(kind="incident.task").user == operator
    assert "Restart the pool" in text(client_for(operator), "/")
    assert "Restart the pool" not in text(client, "/").split("Waiting for you")[1].split("</section>")[0]
    tick = f"{incident.url}tasks/{task.pk}/"
    assert client.post(tick, {"act": "done", "version": 1}, headers=HTMX).status_code == 200
    assert client.post(tick, {"act": "done", "version": 1}).status_code == 303  # said twice
    assert client.post(tick, {"act": "take", "version": 2}).status_code == 422
    assert client.post(tick, {"act": "reopen", "version": 1}).status_code == 409
    assert client.post(tick, {"act": "reopen", "version": 2}).status_code == 303
    assert client.post(tick, {"act": "explode", "version": 3}).status_code == 422
    bodies = list(incident.entries.filter(kind="task").order_by("number").values_list("body", flat=True))
    assert [body.split(":")[0] for body in bodies] == [f"asked for {operator.name}", "did", "not done after all"]
    stale = ResponseTask.objects.get()
    task_take(by=actor_for(commander), at=clock.now(), task=stale, expected=stale.version)
    with pytest.raises(VersionConflictError):
        task_take(by=actor_for(operator), at=clock.now(), task=ResponseTask.objects.get(), expected=stale.version - 1)


def test_an_overdue_task_reminds_once_and_a_done_one_never(
    platform: Platform, incident: Incident, by: Actor, operator: User, commander: User, at: datetime
) -> None:
    quarter = timedelta(minutes=15)
    task_add(by=by, at=at, incident=incident, title="Restart", owner_id=commander.pk, within=quarter)
    done = task_add(by=by, at=at, incident=incident, title="Call", owner_id=commander.pk, within=quarter)
    task_tick(by=by, at=at, task=done, expected=done.version, done=True)
    task_add(by=by, at=at, incident=incident, title="Some time")
    assert remind_tasks(at + timedelta(minutes=14)) == 0
    assert remind_tasks(at + quarter) == 1
    assert remind_tasks(at + timedelta(hours=3)) == 0
    said = Notice.objects.filter(kind="incident.task", subject__contains="overdue")
    assert [notice.user for notice in said] == [commander]
    line = incident.entries.get(body__startswith="Overdue: Restart")
    assert (line.occurred_at, line.author) == (at + quarter, None)


def test_nobody_learns_of_a_restricted_incident_by_a_task(
    platform: Platform, incident: Incident, by: Actor, commander: User, at: datetime
) -> None:
    Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
    incident.refresh_from_db()
    with pytest.raises(IncidentError, match="restricted"):
        task_add(by=by, at=at, incident=incident, title="Rotate the key", owner_id=commander.pk)
    assert not ResponseTask.objects.exists()


def test_a_kept_graph_outlives_its_points(
    client_for: ClientFor, operator: User, platform: Platform, incident: Incident, at: datetime, by: Actor
) -> None:
    metric = metric_of(platform, at=at, key="response", name="TargetResponseTime")
    assert metric.series is not None
    write(metric.series, [0.5] * 20, end=at, column="sum")
    entry = metric_keep(by=by, at=at, incident=incident, metric=metric)
    assert re.search(r"\d{1,2}:\d{2}|\dZ", entry.body) is None  # the line has its time, in the reader's zone
    kept = entry.data["points"]
    assert {value for _, value in kept} == {2.5}  # five minutes each
    client = client_for(operator)
    answer = client.get(f"{incident.url}log/{entry.number}/graph.svg")
    drawn, (style,) = answer.content, re.findall(r"<style>(.*?)</style>", answer.content.decode())
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'self' 'sha256-{digest}';" in f"{answer['Content-Security-Policy']};", "it has its colours alone"
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_point_1m")
        cursor.execute("DELETE FROM monitoring_point_5m")
    assert client.get(f"{incident.url}log/{entry.number}/graph.svg").content == drawn
    assert text(client, f"{incident.url}log/{entry.number}/").count("2.5") >= len(kept)
    assert f'src="{incident.url}log/{entry.number}/graph.svg"' in text(client, incident.url)
    with pytest.raises(IncidentError, match="no figure"):
        metric_keep(by=by, at=at, incident=incident, metric=metric)
    assert log(client, incident, "/metric zzz") == 422
    assert log(client, incident, "/metric response") == 422  # its points are gone


PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


@pytest.mark.parametrize(
    "content, kind",
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("größer\r\n\t<script>".encode(), "text/plain"),
        (b"GIF89a\x00", ""),
        (b"MZ\x90\x00", ""),
        (b"%PDF-1.7\n\xe2\xe3", ""),
        (b"\xff\xfet\x00", ""),
    ],
)
def test_what_a_file_is_stands_in_its_content(content: bytes, kind: str) -> None:
    assert media_type(content) == kind


@given(st.text(max_size=300))
def test_a_files_name_is_safe_for_headers_and_disks(name: str) -> None:
    found = file_name(name, "image/png")
    assert found.lower().endswith(".png")
    assert len(found) <= 120
    assert not re.search(r'[\x00-\x1f/\\:"]', found)
    assert not found.startswith(".")


def test_a_file_is_kept_with_its_hash_and_only_ever_downloaded(
    client_for: ClientFor, operator: User, viewer: User, stranger: User, incident: Incident
) -> None:
    page = b"<html><script>alert(1)</script></html>"
    client = client_for(operator)
    for _ in range(2):
        file = SimpleUploadedFile("../../evil.html", page, content_type="text/html")
        assert client.post(f"{incident.url}attach/", {"file": file, "client_key": "k"}).status_code == 303
    kept = Attachment.objects.get()
    assert (kept.media_type, kept.size) == ("text/plain", len(page))
    assert kept.name.endswith("evil.html.txt")
    assert AuditEntry.objects.get(verb="incidents.attachment.added").data["sha256"] == hashlib.sha256(page).hexdigest()
    path = f"{incident.url}log/{kept.entry.number}/file/"
    answer = client_for(viewer).get(path)
    assert answer.content == page
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"].startswith("text/plain")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert client_for(stranger).get(path).status_code == 404
    for name, content in (("a.exe", b"MZ\x90\x00"), ("a.txt", b""), ("a.txt", b"x" * (MOST_BYTES + 1))):
        answer = client.post(f"{incident.url}attach/", {"file": SimpleUploadedFile(name, content)})
        assert answer.status_code == 422, name
    assert client.post(f"{incident.url}attach/", {}).status_code == 422


def test_too_big_a_body_is_refused_before_it_is_read(client_for: ClientFor, operator: User, incident: Incident) -> None:
    file = SimpleUploadedFile("a.txt", b"x" * (MOST_BYTES + 100_000))
    answer = client_for(operator).post(f"{incident.url}attach/", {"file": file})
    assert answer.status_code == 413
    assert "More than 5 MB" in answer.content.decode()


def test_an_incident_keeps_fifty_files(incident: Incident, by: Actor, at: datetime) -> None:
    for n in range(MOST_FILES):
        attachment_add(by=by, at=at, incident=incident, name=f"{n}.txt", content=b"x")
    last = incident.entries.latest("number").number
    with pytest.raises(IncidentError, match="50 files"):
        attachment_add(by=by, at=at, incident=incident, name="more.txt", content=b"x")
    assert incident.entries.latest("number").number == last


def test_a_review_prefers_what_was_pinned(incident: Incident, by: Actor, at: datetime) -> None:
    for n in range(60):
        entry_log(by=by, at=at + timedelta(minutes=n), incident=incident, body=f"decided {n}", kind="decision")
    chatter = entry_log(by=by, at=at + timedelta(hours=2), incident=incident, body="the turning point")
    assert "the turning point" not in [entry.body for entry in key_entries(incident)]
    entry_pin(by=by, at=at, entry=chatter, on=True)
    entry_correct(by=by, at=at + timedelta(hours=3), entry=chatter, body="the turning point, 11:00")
    found = key_entries(incident)
    assert found[-1].body == "the turning point, 11:00"
    assert all(one.occurred_at <= other.occurred_at for one, other in pairwise(found))


def test_every_export_tells_the_same(
    client_for: ClientFor, viewer: User, incident: Incident, by: Actor, at: datetime
) -> None:
    wrong = entry_log(by=by, at=at + timedelta(minutes=5), incident=incident, body="=eror", occurred_at=at)
    right = entry_correct(by=by, at=at + timedelta(minutes=6), entry=wrong, body="error")
    entry_pin(by=by, at=at, entry=right, on=True)
    entry_tag(by=by, at=at, entry=right, word="pool", on=True)

    def export(ending: str) -> str:
        answer = client_for(viewer).get(f"{incident.url}timeline.{ending}")
        assert "attachment" in answer["Content-Disposition"]
        return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    rows = list(csv.DictReader(StringIO(export("csv"))))
    entries = json.loads(export("json"))["entries"]
    assert len(rows) == len(entries) == incident.entries.count()
    table, data = ({int(row["number"]): row for row in found} for found in (rows, entries))
    assert table[wrong.number]["text"] == "'=eror"
    assert data[wrong.number]["superseded_by"] == right.number
    assert data[right.number] | {"pinned": True, "tags": ["pool"], "supersedes": wrong.number} == data[right.number]
    assert data[wrong.number]["occurred_at"] < data[wrong.number]["recorded_at"]
    assert (table[right.number]["pinned"], table[right.number]["tags"]) == ("True", "pool")
    assert "*pinned* *pool*" in export("md")
    assert all(word in text(client_for(viewer), f"{incident.url}export/") for word in ("Markdown", "CSV", "JSON"))


def test_a_lines_page_tells_its_history(
    client_for: ClientFor, viewer: User, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    first = entry_log(by=by, at=at, incident=incident, body="one <script>alert(1)</script>")
    second = entry_correct(by=by, at=at, entry=first, body="two")
    third = entry_correct(by=by, at=at, entry=second, body="three")
    for entry in (first, second, third):
        body = text(client_for(viewer), f"{incident.url}log/{entry.number}/")
        assert body.index("What it said") < body.index("</b> two") < body.index(f"line {third.number}</a>")
        assert "<script>alert" not in body
    page = f"{incident.url}log/{third.number}/"
    assert f"{page}correct/" in text(client_for(operator), page)
    assert f"{page}correct/" not in text(client_for(viewer), page)
    assert client_for(viewer).get(f"{incident.url}log/9999/").status_code == 404


def test_completions_name_people_severities_and_metrics(
    client_for: ClientFor, operator: User, incident: Incident, platform: Platform, at: datetime
) -> None:
    metric_of(platform, at=at, key="response", name="TargetResponseTime")
    body = text(client_for(operator), f"{incident.url}completions/")
    for option in (f"/assign @{operator.name}", "/severity P0 ", "/status mitigated", "/metric Response"):
        assert f'value="{option}"' in body


def test_bad_texts_are_stored_clean_or_refused(
    client_for: ClientFor, operator: User, incident: Incident, bad_text: str
) -> None:
    client = client_for(operator)
    data = dict.fromkeys(
        ("text", "title", "owner_id", "minutes", "metric", "word", "on", "act", "client_key"), bad_text
    )
    for path in ("pin/", "task/", "metric/", "attach/", "log/1/tag/", "log/1/pin/"):
        assert post_form(client, f"{incident.url}{path}", data).status_code < 500, path
    query = dict.fromkeys(("kind", "by", "tag", "q", "starred", "before"), bad_text)
    assert (
        client.get(incident.url, {name: text.encode("utf-8", "replace") for name, text in query.items()}).status_code
        < 500
    )
