"""Pages: what they show, what they hide, what they cost."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.loops import claim_alarms
from incidents.models import Incident
from incidents.selectors import lists, metrics_of
from incidents.services import action_item_add, entry_correct, entry_log, incident_resolve, review_draft, update_post
from opsportal.accounts.models import User
from opsportal.core import prepared
from opsportal.core.actor import Actor
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform
from tests.factories.incidents import alarm, declare, transition
from tests.factories.monitoring import metric_of, rule_of, term
from tests.factories.platforms import MembershipFactory

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


@pytest.fixture
def incident(platform: Platform, by: Actor, at: datetime) -> Incident:
    return declare(platform, by=by, at=at, title="Web API error rate above 5 %")


@pytest.fixture
def resolved(incident: Incident, by: Actor, at: datetime) -> Incident:
    entry_log(by=by, at=at, incident=incident, body="pool is **full**")
    done = incident_resolve(
        by=by, at=at + timedelta(minutes=20), incident=incident, expected=incident.version, resolution="Pool of 50"
    )
    review_draft(by=by, at=at + timedelta(minutes=21), incident=done)
    return done


def text(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers or None)
    assert response.status_code == 200, path
    return response.content.decode()


def test_the_list_shows_open_ones_first_and_then_the_record(
    client_for: ClientFor, viewer: User, resolved: Incident, platform: Platform, by: Actor, at: datetime
) -> None:
    opened = declare(platform, by=by, at=at, title="Search is slow")
    body = text(client_for(viewer), "/incidents/")
    assert body.index(opened.title) < body.index("Earlier") < body.index(resolved.title)
    assert "1 open" in body


@pytest.mark.parametrize(
    "query, found",
    [
        ("?view=open", False),
        ("?state=resolved", True),
        ("?view=review-due", True),
        ("?view=mine", False),
        ("?rank=2", True),
        ("?rank=1", False),
        ("?q=error+rate", True),
        ("?q=nothing", False),
        ("?service=web", True),
        ("?service=%00%ED%A0%80", False),
        ("?state=x&rank=9&days=5&view=zzz", True),
        ("?q=%27%20%26%20%7C%20%21", False),
    ],
)
def test_filters_narrow_and_nonsense_is_harmless(
    client_for: ClientFor, viewer: User, resolved: Incident, query: str, found: bool
) -> None:
    response = client_for(viewer).get(f"/incidents/{query}")
    assert response.status_code in (200, 400)
    assert (f">{resolved.reference}<" in response.content.decode()) == (found and response.status_code == 200)


def test_a_number_typed_into_the_search_finds_that_incident(
    client_for: ClientFor, viewer: User, resolved: Incident
) -> None:
    assert resolved.title in text(client_for(viewer), f"/incidents/?q={resolved.reference.lower()}")


def test_a_page_of_a_list_costs_the_same_with_more_incidents(
    client_for: ClientFor, viewer: User, platform: Platform, by: Actor, at: datetime
) -> None:
    client = client_for(viewer)
    declare(platform, by=by, at=at)
    text(client, "/incidents/")
    cache.clear()
    with CaptureQueriesContext(connection) as one:
        text(client, "/incidents/")
    for _ in range(12):
        declare(platform, by=by, at=at)
    cache.clear()
    with CaptureQueriesContext(connection) as many:
        text(client, "/incidents/")
    cost = [sum("incidents_" in query["sql"] for query in run) for run in (one, many)]
    assert cost[0] == cost[1]
    assert sum("incidents_" in query["sql"] for query in many) <= 7


def test_the_incident_page_shows_head_clocks_timeline_and_composer(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    client = client_for(operator)
    text(client, incident.url)
    with CaptureQueriesContext(connection) as queries:
        body = text(client, incident.url)
    for shown in ("Web API error rate above 5 %", "Status update", "portal default", "What happened?", "took command"):
        assert shown in body
    assert 'name="client_key"' in body
    assert sum("incidents_" in query["sql"] for query in queries) <= 6


def test_the_metric_whose_alarm_opened_the_incident_leads(
    client_for: ClientFor, viewer: User, platform: Platform, by: Actor, at: datetime
) -> None:
    metric_of(platform, at=at, key="requests")
    rule = rule_of(platform, at=at, indicator={"value": term("TargetResponseTime")}, stat="p99")
    metric_of(platform, at=at, key="response", name="TargetResponseTime")
    metric_of(platform, at=at, key="errors", name="HTTPCode_Target_5XX_Count")
    transition(alarm(platform, rule=rule), "alarm", at)
    while claim_alarms(at):
        continue
    opened = Incident.objects.get()
    names = [metric.name for metric in metrics_of(opened)]
    assert names[0] == "Response"
    assert sorted(names) == ["Errors", "Requests", "Response"]
    done = incident_resolve(by=by, at=at, incident=opened, expected=opened.version)
    review_draft(by=by, at=at, incident=done)
    for path in (f"{done.url}?tab=metrics", f"{done.url}review/"):
        body = text(client_for(viewer), path)
        assert body.index("Response: loading") < body.index("Errors: loading" if "Errors: l" in body else "Requests: l")


def test_viewers_read_and_have_no_composer(client_for: ClientFor, viewer: User, incident: Incident) -> None:
    body = text(client_for(viewer), incident.url)
    assert "took command" in body
    assert "What happened?" not in body
    assert "Mark mitigated" not in body
    for tab, act in (("triage", "triage/"), ("triage", "describe/"), ("comms", "update/")):
        for headers in ({}, HTMX):
            assert f"{incident.url}{act}" not in text(client_for(viewer), f"{incident.url}?tab={tab}", **headers)


@pytest.mark.parametrize("tab", ["triage", "metrics", "changes", "comms", "related"])
def test_each_tab_answers_whole_and_as_a_fragment(
    client_for: ClientFor, operator: User, incident: Incident, platform: Platform, tab: str
) -> None:
    alarm(platform, state="alarm")
    client = client_for(operator)
    assert "<html" in text(client, f"{incident.url}?tab={tab}")
    fragment = text(client, f"{incident.url}?tab={tab}", **HTMX)
    assert "<html" not in fragment
    assert f'id="incident-{incident.pk}-pane"' in fragment
    # Charts would be drawn anew with every line; everything else follows the incident.
    assert ("data-live" in fragment) is (tab != "metrics")


def test_the_live_head_is_a_fragment_with_the_same_id(
    client_for: ClientFor, operator: User, incident: Incident
) -> None:
    fragment = text(client_for(operator), f"{incident.url}?part=head", **HTMX)
    assert fragment.strip().startswith(f'<div id="incident-{incident.pk}-head"')
    assert "<html" not in fragment


def test_new_entries_are_sent_after_the_last_seen_one_only(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    last = entry_log(by=by, at=at, incident=incident, body="first").number
    entry_log(by=by, at=at, incident=incident, body="second <script>alert(1)</script>")
    fragment = text(client_for(operator), f"{incident.url}entries/?after={last}", **HTMX)
    assert "second" in fragment
    assert "first" not in fragment
    assert "<script" not in fragment
    assert f"after={last + 1}" in fragment


def test_entries_opened_directly_lead_to_the_page(client_for: ClientFor, operator: User, incident: Incident) -> None:
    for headers in ({}, HTMX | {"HX-History-Restore-Request": "true"}):
        response = client_for(operator).get(f"{incident.url}entries/", headers=headers)
        assert (response.status_code, response["Location"]) == (303, incident.url)


@pytest.mark.parametrize("query", ["?part=head", "?tab=comms"])
@pytest.mark.parametrize("headers", [{}, {"HX-History-Restore-Request": "true"}, {"HX-Boosted": "true"}])
def test_a_part_opened_as_a_page_is_the_whole_page(
    client_for: ClientFor, operator: User, incident: Incident, query: str, headers: dict[str, str]
) -> None:
    body = text(client_for(operator), f"{incident.url}{query}", **(HTMX | headers if headers else {}))
    assert "<html" in body
    assert "What happened?" in body


def test_a_day_stands_above_its_first_line_whenever_that_comes(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    User.objects.filter(pk=operator.pk).update(zone="Asia/Tokyo")
    client = client_for(operator)
    evening = entry_log(by=by, at=at, incident=incident, body="evening", occurred_at=at)  # 18:00 in Tokyo
    # Midnight there, not in UTC: 23:58, 00:01 and, logged late, 23:59.
    moments = [at.replace(hour=14, minute=58), at.replace(hour=15, minute=1), at.replace(hour=14, minute=59)]
    for moment in moments:
        entry_log(by=by, at=moments[1], incident=incident, body=f"line at {moment:%H:%M}.", occurred_at=moment)
    first, second = ">Tue 10 Mar 2026</li>", ">Wed 11 Mar 2026</li>"
    page = text(client, incident.url)
    marks = re.findall(r">(?:Tue 10|Wed 11) Mar 2026</li>|line at 1\d:\d\d\.", page)
    assert marks == [first, "line at 14:58.", second, "line at 15:01.", first, "line at 14:59."]
    assert re.search(r"line at 14:58\. <small[^>]*>logged 11.Mar.2026 00:01<", page)
    fresh = text(client, f"{incident.url}entries/?after={evening.number}", **HTMX)
    assert fresh.count(first) == 1
    assert fresh.index("line at 14:58.") < fresh.index(second) < fresh.index("line at 15:01.") < fresh.index(first)
    seen = {"text": "still", "version": incident.version, "last": evening.number + 2, "client_key": "k"}
    sent = client.post(f"{incident.url}log/", seen, headers=HTMX).content.decode()
    assert sent.index(first) < sent.index("line at 14:59.")


def test_a_phone_has_the_day_above_the_first_line_it_does_not_fold(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    for n in range(12):
        entry_log(by=by, at=at, incident=incident, body=f"line {n}.")
    page = text(client_for(operator), incident.url)
    assert page.count("Tue 10 Mar 2026</li>") == 2
    assert page.index('<li class="cut old">Tue') < page.index('<li class="cut only-phone">Tue') < page.index("line 2.")


def test_corrected_and_correction_lead_to_each_other(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    entry = entry_log(by=by, at=at, incident=incident, body="eror")
    entry_correct(by=by, at=at, entry=entry, body="error")
    page = text(client_for(operator), incident.url)
    links = re.findall(r'href="#(entry-[^"]+)">(\w+)</a>', page)
    assert [word for _, word in links] == ["corrected", "correction"]
    assert all(f'id="{anchor}"' in page for anchor, _ in links)


def test_old_entries_are_reached_by_number(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    for n in range(120):
        entry_log(by=by, at=at, incident=incident, body=f"line number {n}.")
    body = text(client_for(operator), incident.url)
    assert "line number 119." in body
    assert "line number 5." not in body
    assert "line number 5." in text(client_for(operator), f"{incident.url}?before=40")


def test_the_declare_page_needs_two_fields(client_for: ClientFor, operator: User, platform: Platform) -> None:
    client = client_for(operator)
    body = text(client, "/incidents/declare/")
    assert body.count(" required") == 2
    service = platform.services.get()
    response = client.post("/incidents/declare/", {"title": "Down", "service": service.pk, "take_command": "on"})
    incident = Incident.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"{incident.url}?log")
    assert incident.commander == operator
    assert incident.rank == 2


def test_declaring_offers_what_the_person_may_declare_on(
    client_for: ClientFor, operator: User, platform: Platform, other_platform: Platform
) -> None:
    MembershipFactory.create(platform=other_platform, user=operator, role="viewer")
    form = text(client_for(operator), "/incidents/declare/").split("<main", 1)[1]
    assert f"{platform.name}: " in form
    assert f"{other_platform.name}: " not in form


def test_the_review_page_shows_text_and_evidence(
    client_for: ClientFor, commander: User, resolved: Incident, by: Actor, at: datetime
) -> None:
    told = {"state": "resolved", "audience": "internal", "body": "all well"}
    update_post(by=by, at=at, incident=resolved, expected=resolved.version, **told)
    action_item_add(by=by, at=at, incident=resolved, title="Alert on pool", due_date=at.date())
    body = text(client_for(commander), f"{resolved.url}review/")
    assert "<strong>Resolved</strong>" in body
    for shown in ("Pool of 50", "Went well", "Clocks, as they ran", "Alert on pool", "no owner", "within 48 h"):
        assert shown in body


def test_action_items_have_a_board_with_views(
    client_for: ClientFor, operator: User, resolved: Incident, by: Actor, at: datetime
) -> None:
    item = action_item_add(by=by, at=at, incident=resolved, title="Alert on pool", due_date=at.date())
    client = client_for(operator)
    for view in ("", "overdue", "unowned"):
        assert item.reference in text(client, f"/actions/?view={view}")
    for view in ("mine", "finished"):
        assert item.reference not in text(client, f"/actions/?view={view}")
    assert "Alert on pool" in text(client, f"/actions/{item.number}/")


@pytest.mark.parametrize("who", ["viewer", "manager", "auditor"])
def test_who_may_only_read_reads_the_action_item_that_lists_and_notices_lead_to(
    client_for: ClientFor, request: pytest.FixtureRequest, who: str, resolved: Incident, by: Actor, at: datetime
) -> None:
    reader: User = request.getfixturevalue(who)
    long_ago = at.date()
    item = action_item_add(
        by=by, at=at, incident=resolved, title="Alert on pool", owner_id=reader.pk, due_date=long_ago
    )
    assert Notice.objects.get(kind="incident.action_item", user=reader).url == item.url
    client = client_for(reader)
    for page in ("/", "/actions/", f"{resolved.url}?tab=related", f"{resolved.url}review/"):
        assert f'href="{item.url}"' in text(client, page), page
    body = text(client, item.url)
    assert reader.name in body
    assert 'name="state"' not in body
    posted = {"state": "dropped", "owner_id": "", "due_date": "", "version": item.version}
    assert client.post(f"{item.url}change/", posted).status_code == 403


def test_exports_are_complete_and_safe_for_spreadsheets(
    client_for: ClientFor, viewer: User, platform: Platform, by: Actor, at: datetime
) -> None:
    declare(platform, by=by, at=at, title="=HYPERLINK(1)")
    response = client_for(viewer).get("/incidents/export.csv")
    body = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=HYPERLINK(1)" in body


def test_the_whole_timeline_is_exported_and_says_what_was_corrected(
    client_for: ClientFor, viewer: User, incident: Incident, by: Actor, at: datetime
) -> None:
    wrong = entry_log(by=by, at=at, incident=incident, body="eror")
    for n in range(501):
        entry_log(by=by, at=at, incident=incident, body=f"line {n}.")
    right = entry_correct(by=by, at=at, entry=wrong, body="error")
    response = client_for(viewer).get(f"{incident.url}timeline.md")
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert "(line 1) " in lines[2]
    assert f"(line {right.number}) error" in lines[-1]
    assert lines[wrong.number + 1].endswith(f"*(superseded by line {right.number})* eror")


def log_late(incident: Incident, by: Actor, at: datetime) -> None:
    """Three lines of which the last one happened between the others, and one before all of them."""
    for minutes, body, occurred in ((10, "first", None), (30, "second", None), (40, "between", 20), (41, "early", -9)):
        moment = at + timedelta(minutes=occurred) if occurred is not None else None
        entry_log(by=by, at=at + timedelta(minutes=minutes), incident=incident, body=body, occurred_at=moment)


def test_a_line_logged_late_stands_in_its_place_in_the_export(
    client_for: ClientFor, viewer: User, incident: Incident, by: Actor, at: datetime
) -> None:
    log_late(incident, by, at)
    response = client_for(viewer).get(f"{incident.url}timeline.md")
    body = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert [body.index(word) for word in ("early", "first", "between", "second")] == sorted(
        body.index(word) for word in ("early", "first", "between", "second")
    )
    assert f"logged {at + timedelta(minutes=40):%Y-%m-%d %H:%M:%S}Z) between" in body


def test_a_line_logged_late_says_on_the_page_where_it_belongs(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    log_late(incident, by, at)
    first = incident.entries.get(body="first")
    body = text(client_for(operator), incident.url)
    assert re.search(rf'between <small class="mut">logged \S+; belongs after <a href="#entry-{first.pk}">', body)
    assert re.search(r'early <small class="mut">logged \S+; belongs further up</small>', body)
    assert body.count("; belongs ") == 2
    fresh = text(client_for(operator), f"{incident.url}entries/?after={incident.entries.count() - 2}", **HTMX)
    assert "between" in fresh
    assert fresh.count("; belongs further up") == 2


def test_a_line_is_found_on_whatever_page_it_stands(
    client_for: ClientFor, operator: User, incident: Incident, by: Actor, at: datetime
) -> None:
    wrong = entry_log(by=by, at=at, incident=incident, body="eror")
    near = [entry_log(by=by, at=at, incident=incident, body=f"line {n}.") for n in range(220)][-1]
    right = entry_correct(by=by, at=at, entry=wrong, body="error")
    client = client_for(operator)
    newest = text(client, incident.url)
    assert f'href="{incident.url}?entry={wrong.pk}">correction' in newest
    for pk in (wrong.pk, right.pk, near.pk):
        found = client.get(f"{incident.url}?entry={pk}")
        assert found.status_code == 302
        page, _, anchor = found["Location"].partition("#")
        assert f'id="{anchor}"' in text(client, page)
    assert "before" not in client.get(f"{incident.url}?entry={right.pk}")["Location"]
    assert client.get(f"{incident.url}?entry=999999").status_code == 200


def test_a_review_tells_its_timeline_in_the_order_of_what_happened(
    client_for: ClientFor, viewer: User, incident: Incident, by: Actor, at: datetime
) -> None:
    for minutes, body in ((15, "roll back"), (5, "scale out")):
        moment = at + timedelta(minutes=minutes)
        entry_log(
            by=by, at=at + timedelta(minutes=18), incident=incident, body=body, kind="decision", occurred_at=moment
        )
    done = incident_resolve(by=by, at=at + timedelta(minutes=20), incident=incident, expected=incident.version)
    review_draft(by=by, at=at + timedelta(minutes=21), incident=done)
    drafted, timeline = text(client_for(viewer), f"{incident.url}review/").split("From the timeline")
    for part in (drafted, timeline):
        assert part.index("scale out") < part.index("roll back")


def test_a_restricted_incident_leaves_no_trace_for_others(
    client_for: ClientFor,
    commander: User,
    admin: User,
    auditor: User,
    operator: User,
    platform: Platform,
    by: Actor,
    at: datetime,
) -> None:
    secret = declare(platform, by=by, at=at, type="security", title="Leaked key")
    update_post(
        by=by, at=at, incident=secret, expected=secret.version, state="identified", audience="internal", body="Leak"
    )
    done = incident_resolve(by=by, at=at, incident=secret, expected=Incident.objects.get().version)
    review_draft(by=by, at=at, incident=done)
    item = action_item_add(by=by, at=at, incident=secret, title="Rotate the leaked key")
    for who in (commander, admin):
        client = client_for(who)
        for path in (secret.url, f"{secret.url}review/", f"/actions/{item.number}/", f"{secret.url}entries/"):
            assert client.get(path).status_code == 404, path
        for path in ("/incidents/", "/incidents/?q=leaked", "/actions/"):
            assert "eaked key" not in text(client, path)
        exported = b"".join(client.get("/incidents/export.csv").streaming_content)  # type: ignore[attr-defined]
        assert b"Leaked" not in exported
    for who in (auditor, operator):
        assert "Leaked key" in text(client_for(who), secret.url)


def test_a_person_of_no_platform_sees_an_empty_list(client_for: ClientFor, portal_admin: User) -> None:
    assert "No incident matches" in text(client_for(portal_admin), "/incidents/")


def test_open_ones_beyond_the_first_are_a_link_away(
    client_for: ClientFor, operator: User, platform: Platform, by: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        declare(platform, by=by, at=at, title=f"Fault {number}")
    client = client_for(operator)
    assert "All 3 open ones" not in client.get("/incidents/").content.decode()
    monkeypatch.setattr(lists, "OPEN_LIMIT", 2)
    monkeypatch.setattr(prepared, "_known", {})
    cache.clear()
    assert re.search(r'href="\?view=open"[^>]*>All 3 open ones', client.get("/incidents/").content.decode())


def test_the_list_stays_light_when_a_hundred_are_open(
    client_for: ClientFor, operator: User, platform: Platform, by: Actor, at: datetime
) -> None:
    one = declare(platform, by=by, at=at)
    times = {"impact_started_at": at, "detected_at": at, "declared_at": at}
    common = {"platform": platform, "service": one.service, "severity": one.severity, "rank": one.rank, **times}
    ended = {"state": "closed", "resolved_at": at, "closed_at": at}
    Incident.objects.bulk_create(
        Incident(number=7000 + n, title=f"Checkout answers slowly, number {n}", commander=operator,
                 detection_source="user_report", **common, **(ended if n % 2 else {}))
        for n in range(200)
    )  # fmt: skip
    page = client_for(operator).get("/incidents/")
    assert page.content.count(b"Checkout answers slowly") == lists.OPEN_LIMIT + lists.LIST_PAGE
    assert len(page.content) < 40_000
