"""What people and machines write about incidents is text wherever it is shown, in a real browser (P13).

Three witnesses: a script that ran, what the content security policy refused, and any element or attribute that only
markup out of a text could have made.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page

from incidents.models import EntryMark, Incident, IncidentLink
from incidents.services import (
    action_item_add,
    cause_add,
    clock_pause,
    entry_correct,
    entry_log,
    incident_describe,
    incident_link,
    incident_merge,
    incident_plan,
    incident_resolve,
    incident_triage,
    problem_change,
    problem_link,
    problem_open,
    report_add,
    report_answer,
    report_attach,
    retrospective_open,
    retrospective_write,
    review_draft,
    review_section_edit,
    role_assign,
    update_post,
)
from incidents.services.attachments import attachment_add
from incidents.services.marks import entry_pin
from incidents.services.runbooks import runbook_start
from incidents.services.tasks import task_add
from incidents.views.shared import PANES
from monitoring.models import Alarm
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook, StepOutcome
from opsportal.knowledge.services.runs import run_finish, run_start, step_finish
from opsportal.notifications.webhooks import webhook_add
from opsportal.platforms.models import BusinessCalendar, Platform, Service, Severity
from tests.e2e.hostile import FOUND, HOOK, SHORT, cases, each, hostile, payloads
from tests.factories.incidents import alarm, clock_policy, declare, transition
from tests.factories.platforms import MembershipFactory, ServiceFactory
from tests.factories.runbooks import TEXT, runbook

pytestmark = pytest.mark.e2e
LONG = hostile()
LEAST = 2_000  # payloads by fields that hold text


def _found(page: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(FOUND)
    return found


def test_the_witnesses_see_what_would_be_wrong(open_context: Callable[..., BrowserContext], admin: User) -> None:
    page = open_context(admin).new_page()
    page.add_init_script(HOOK)
    page.goto("/incidents/")
    assert not any(_found(page).values())
    page.evaluate("markup => document.querySelector('main').insertAdjacentHTML('beforeend', markup)", LONG)
    page.wait_for_function("() => window.refused.length > 5")
    found = _found(page)
    assert len(found["made"]) > 30
    assert not found["ran"], "the content security policy stops what markup would do"
    page.route("**/control/", lambda route: route.fulfill(body=f"<html>{LONG}", content_type="text/html"))
    page.goto("/control/")
    page.wait_for_function("() => window.ran.length > 5")


def _open_one(platform: Platform, by: Actor, person: User) -> Incident:
    """An incident that is being worked on, hostile in each of its texts."""
    at = clock.now()
    known = {"title": SHORT, "summary": hostile(), "external_source": SHORT[:40], "external_id": SHORT}
    incident = declare(platform, by=by, at=at, label="P3", **known)

    def now(**values: Any) -> dict[str, Any]:
        incident.refresh_from_db()
        return {"by": by, "at": at, "incident": incident, "expected": incident.version, **values}

    for text in (hostile(), *payloads()):
        entry_log(by=by, at=at, incident=incident, body=text)
    line = entry_log(by=by, at=at, incident=incident, body=hostile())
    entry_log(by=by, at=at, incident=incident, body=hostile(), kind="decision")
    fixed = entry_correct(by=by, at=at, entry=line, body=hostile())
    entry_pin(by=by, at=at, entry=fixed, on=True)
    EntryMark.objects.create(incident=incident, entry=fixed, kind="tag", text=SHORT[:40], by=person, at=at)
    span = {"start": (at - timedelta(hours=1)).isoformat(), "end": at.isoformat()}
    graph = {"name": SHORT, "unit": "", "stat": SHORT, "points": [[int(at.timestamp()) - 60, 1.0]], **span}
    entry_log(by=by, at=at, incident=incident, body=SHORT, kind="graph", data=graph)
    attachment_add(by=by, at=at, incident=incident, name=f"{SHORT}.html", content=hostile().encode())
    task_add(by=by, at=at, incident=incident, title=SHORT, owner_id=person.pk)
    update_post(**now(state="identified", audience="public", body=hostile(4000)))
    role_assign(**now(role="scribe", user_id=person.pk, note=SHORT))
    incident_triage(**now(answers={"users": {"answer": "yes", "note": SHORT}}))
    clock_pause(**now(kind="update", why=SHORT))
    incident_plan(**now(planned_for=SHORT, planned_url="https://x.example/'\"onmouseover=xss()"))
    changes = {"users_affected": SHORT, "impact_business": hostile(), "impact_technical": hostile(), "cause": hostile()}
    incident_describe(**now(changes=changes, why=""))
    problem = problem_open(by=by, at=at, platform_id=platform.pk, values={"title": SHORT, "impact": hostile()})
    texts: dict[str, Any] = {name: hostile() for name in ("analysis", "workaround", "impact")}
    texts = {**texts, "title": SHORT, "state": "open", "priority": 2}
    problem = problem_change(by=by, at=at, problem=problem, expected=problem.version, values=texts)
    problem_link(**now(problem=problem))
    other = declare(platform, by=by, at=at, title=SHORT, label="P3")
    incident_link(**now(other=other, kind="related", note=SHORT))
    incident_merge(by=by, at=at, incident=other, expected=other.version, target=incident, note=SHORT)
    return incident


def _past_one(platform: Platform, by: Actor, person: User) -> Incident:
    """One with a review, hostile in each of its texts."""
    at = clock.now()
    incident = declare(platform, by=by, at=at - timedelta(minutes=5), title=SHORT, label="P0")
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution=hostile(4000))
    review = review_draft(by=by, at=at, incident=done)
    for section in review.sections.select_related("review__incident"):
        review_section_edit(by=by, at=at, section=section, expected=section.version, body=hostile())
    root = cause_add(by=by, at=at, review=review, parent=None, kind="root", text=SHORT)
    cause_add(by=by, at=at, review=review, parent=root, kind="root", text=SHORT)
    action_item_add(by=by, at=at, incident=done, title=SHORT, owner_id=person.pk)
    return done


def _runbook(platform: Platform, by: Actor, incident: Incident) -> list[str]:
    at = clock.now()
    body = TEXT.replace("Read the log.", "\n\n".join(text for text in payloads() if "```" not in text))
    body = body.replace("A deployment", '"<img src=x onerror=xss()>"').replace("### Look\n", f"### {SHORT}\n")
    book = runbook(platform, at=at, title=SHORT, summary=SHORT, body=body, owner=SHORT, note=SHORT,
                   triggers={"services": ["web"], "alarms": [SHORT], "tags": [SHORT]})  # fmt: skip
    first = runbook_start(by=by, at=at, incident=incident, runbook=book)
    step_finish(by=by, at=at, run=first, expected=first.version, step=1, outcome=StepOutcome.DONE, note=hostile())
    past = run_start(by=by, at=at, runbook=book, is_practice=True)
    past = step_finish(by=by, at=at, run=past, expected=past.version, step=1, outcome=StepOutcome.FAILED, note=SHORT)
    past = run_finish(
        by=by, at=at, run=past, expected=past.version, needs_change=True, wanted_change=hostile(2000), reason=SHORT
    )
    url = book.get_absolute_url()
    return ["/runbooks/", url, f"{url}edit/", first.get_absolute_url(), past.get_absolute_url(), "/reports/runbooks/"]


def _around(platform: Platform, by: Actor, incident: Incident) -> list[str]:
    """Reports, retrospectives, alarms, webhooks and the platform's own names."""
    at = clock.now()
    reports = [
        report_add(
            by=by, at=at, platform_id=platform.pk, text=hostile(8000), kind="fault", channel="phone", reporter=SHORT
        )
        for _ in range(3)
    ]
    report_attach(by=by, at=at, report=reports[0], incident=incident)
    report_answer(by=by, at=at, report=reports[1], expected=1, answer=hostile(8000))
    first = (at - timedelta(days=40)).date()
    row = retrospective_open(by=by, at=at, platform=platform, kind="biweekly", starts_on=first)
    retrospective_write(by=by, at=at, row=row, expected=1, well=hostile(), improve=hostile(), actions=hostile())
    transition(alarm(platform, key="quiet", signal="quiet", opens_incident=False), "alarm", at, reason=SHORT)
    Alarm.objects.update(name=SHORT, reason=SHORT, state="alarm")
    address, events = "https://x.example/", ["incident.declared"]
    hook, _ = webhook_add(by=by, at=at, platform=platform, name=SHORT, url=address, events=events)
    return [*(f"/user-reports/{report.pk}/" for report in reports), row.url, f"/settings/webhooks/{hook.pk}/",
            f"/incidents/declare/?from=report:{reports[2].pk}"]  # fmt: skip


def _rows(platform: Platform, by: Actor, incident: Incident, past: Incident) -> None:
    """What holds one line, once for each payload: a row of a list or an item of a choice."""
    at, service = clock.now(), incident.service
    assert service is not None
    common = {"platform": platform, "service": service, "severity": incident.severity, "rank": incident.rank}
    times = {"impact_started_at": at, "detected_at": at, "declared_at": at}
    planned = each()
    others = Incident.objects.bulk_create(
        Incident(
            number=9000 + n, title=text, planned_for=planned[n][:120], detection_source="user_report", **common, **times
        )
        for n, text in enumerate(each())
    )
    IncidentLink.objects.bulk_create(
        IncidentLink(incident=incident, other=other, kind="caused_by", note=text, linked_at=at)
        for other, text in zip(others, each(), strict=True)
    )
    for text, reporter in zip(each(), each(), strict=True):
        action_item_add(by=by, at=at, incident=past, title=text)
        problem_open(by=by, at=at, platform_id=platform.pk, values={"title": text})
        told: dict[str, Any] = {"text": text, "kind": "fault", "channel": "phone", "reporter": reporter[:120]}
        report_add(by=by, at=at, platform_id=platform.pk, **told)
    named = zip(each(), each(), each(), each(), each(), strict=True)
    for n, (name, reason, service_name, person, summary) in enumerate(named):
        quiet = alarm(platform, key=f"quiet-{n}", signal="", state="alarm", severity=None, reason=reason)
        Alarm.objects.filter(pk=quiet.pk).update(name=name[:120])
        ServiceFactory.create(platform=platform, environment=service.environment, name=service_name[:120])
        MembershipFactory.create(platform=platform, user__name=person[:120])
        Runbook.objects.create(platform=platform, slug=f"named-{n}", title=name, summary=summary)


@pytest.fixture
def sinks(platform: Platform, admin: User, actor_for: Callable[..., Actor]) -> tuple[list[str], list[str]]:
    """Every page of incidents and what hangs on them, and every file; all that can be written is hostile."""
    by = actor_for(admin)
    office = BusinessCalendar.objects.create(
        platform=platform, key="office", name=SHORT, weekdays=[1, 2, 3, 4, 5], opens_at="09:00", closes_at="17:00",
        source_text=SHORT,
    )  # fmt: skip
    clock_policy(platform, "update", 30, label="P3", calendar=office, text=SHORT, source_text=SHORT, note=hostile())
    clock_policy(platform, "acknowledge", None, label="P3", text=SHORT, source_text=SHORT)
    User.objects.update(name=SHORT)
    Service.objects.update(name=SHORT)
    Severity.objects.update(name=SHORT[:40])
    incident, past = _open_one(platform, by, admin), _past_one(platform, by, admin)
    own = [*_runbook(platform, by, incident), *_around(platform, by, incident)]
    _rows(platform, by, incident, past)
    Platform.objects.update(name=SHORT)
    url, asked = incident.url, urlencode({"q": SHORT})
    line = incident.entries.get(superseded_by=None, supersedes__isnull=False).number
    graph, file = (incident.entries.get(kind=kind).number for kind in ("graph", "file"))
    item, problem = past.action_items.earliest("pk"), incident.problem_link.problem
    acts = ("severity", "role", "update", "mitigate", "resolve", "describe", "restrict", "triage", "merge", "link",
            "plan", "problem", "clock-pause", "task", "pin", "metric", "attach", "export", "situation")  # fmt: skip
    pages = [
        *(f"{url}?tab={tab}" for tab in PANES), f"{url}?entries=all", f"{url}?filter=open&{asked}",
        *(f"{url}{act}/" for act in acts), f"{url}log/{line}/", f"{url}log/{line}/correct/", f"{url}log/{graph}/",
        f"{url}log/{graph}/graph.svg", past.url, f"{past.url}close/", f"{past.url}review/",
        f"{past.url}review/public/?s=cause&s=impact", f"{past.url}review/sections/cause/",
        f"{past.url}review/sections/cause/texts/",
        f"{past.url}review/causes/{past.review.causes.latest('pk').pk}/", "/actions/", f"/actions/{item.number}/",
        "/learnings/", "/learnings/retrospectives/", "/problems/", f"/problems/{problem.number}/", "/user-reports/",
        "/user-reports/new/", "/incidents/queue/", "/incidents/queue/?view=planned", "/clocks/",
        "/calendar/", "/wall/", "/", "/notices/", "/incidents/",
        "/reports/incidents/", "/reports/incidents/rows/", "/settings/webhooks/",
        f"/platforms/{platform.key}/calendars/", f"/platforms/{platform.key}/calendars/{office.pk}/",
        f"/search/?{asked}", f"/incidents/?{asked}",
        f"/runbooks/?{asked}", f"/incidents/declare/?{urlencode({'title': SHORT})}", "/reports/audit/", *own,
    ]  # fmt: skip
    files = [
        *(f"{url}timeline.{ending}" for ending in ("md", "csv", "json")), f"{url}log/{file}/file/",
        f"{past.url}review.md", f"{past.url}review.json", f"{past.url}review/public/?s=cause&file=1",
        "/incidents/export.csv", "/reports/incidents.csv",
    ]  # fmt: skip
    return pages, files


def test_no_text_becomes_markup_on_any_page_of_incidents(
    open_context: Callable[..., BrowserContext], admin: User, sinks: tuple[list[str], list[str]]
) -> None:
    page = open_context(admin).new_page()
    page.add_init_script(HOOK)
    faults, seen = [], set[str]()
    for path in sinks[0]:
        answer = page.goto(path)
        page.wait_for_function("() => !document.querySelector('.skels')")
        found = {witness: seen for witness, seen in _found(page).items() if seen}
        seen |= cases(page.content())
        if answer is None or answer.status != 200 or "xss" not in page.content() or found:
            faults.append(f"{path}: {answer and answer.status} {found or 'nothing of the corpus is on it'}")
    page.goto(sinks[0][0])
    page.keyboard.press("/")
    page.keyboard.insert_text("xss")
    page.wait_for_function("() => document.querySelector('#palette-list [role=option]')")
    faults += [f"palette: {found}" for found in [_found(page)] if any(found.values())]
    assert not faults, "\n".join(faults)
    assert len(seen) >= LEAST, f"{len(seen)} payloads by fields were on the pages"


def test_no_file_is_shown_as_a_page(
    open_context: Callable[..., BrowserContext], admin: User, sinks: tuple[list[str], list[str]]
) -> None:
    request = open_context(admin).request
    for path in sinks[1]:
        answer = request.get(path)
        head = answer.headers
        assert answer.status == 200, path
        assert head["content-disposition"].startswith("attachment"), path
        assert head["x-content-type-options"] == "nosniff", path
        assert "html" not in head["content-type"], path
        assert "svg" not in head["content-type"], path
        assert "xss" in answer.text(), path
