"""Every page and file of incidents and what hangs on them, hostile in each text that they show."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from incidents.models import EntryMark, Incident, IncidentLink, Review
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
    incident_reopen,
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
    review_publish,
    review_section_edit,
    review_send_back,
    review_submit,
    role_assign,
    update_post,
)
from incidents.services.attachments import attachment_add
from incidents.services.calendars import calendar_make
from incidents.services.marks import entry_pin
from incidents.services.runbooks import runbook_start
from incidents.services.tasks import task_add
from incidents.views.shared import PANES
from monitoring.models import Alarm, Chart, Dashboard, Deployment
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.knowledge.models import Runbook, StepOutcome
from opsportal.knowledge.services.decisions import decision_add
from opsportal.knowledge.services.runs import run_finish, run_start, step_finish
from opsportal.notifications.webhooks import webhook_add
from opsportal.platforms.models import BusinessCalendar, Platform, Service, Severity
from tests.e2e.hostile import SHORT, each, hostile, payloads
from tests.factories.dashboards import dashboard_of
from tests.factories.incidents import alarm, clock_policy, declare, transition
from tests.factories.platforms import MembershipFactory, ServiceFactory
from tests.factories.runbooks import TEXT, runbook

CAUSES: Final = 40  # of a review
CHANGES: Final = 30  # that stand near an incident


class Sinks(NamedTuple):
    """Addresses, and a form that somebody else saved before it is sent: a field of it and what is typed there."""

    pages: Sequence[str]
    files: Sequence[str]
    lost: tuple[str, str, str]


def _open_one(platform: Platform, by: Actor, person: User) -> Incident:
    """An incident that is being worked on, hostile in each of its texts."""
    at = clock.now()
    known = {"title": SHORT, "summary": hostile(), "external_source": SHORT[:40], "external_id": SHORT}
    incident = declare(platform, by=by, at=at, label="P3", **known)

    def now(**values: Any) -> dict[str, Any]:
        incident.refresh_from_db()
        return {"by": by, "at": at, "incident": incident, "expected": incident.version, **values}

    for text in each():  # first, for their lines stand beside them too
        task_add(by=by, at=at, incident=incident, title=text, owner_id=person.pk)
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


def _past_one(platform: Platform, by: Actor, person: User, reader: Actor) -> Incident:
    """One with a review that was sent back, published, opened again and published, hostile in each of its texts."""
    begun = clock.now() - timedelta(minutes=9)
    minutes = (begun + timedelta(minutes=n) for n in count(1))
    Deployment.objects.bulk_create(
        Deployment(platform=platform, external_id=f"d{n}", label=text[:160], state="completed", started_at=begun)
        for n, text in enumerate(each()[:CHANGES])
    )
    incident = declare(platform, by=by, at=begun, title=SHORT, label="P0")

    def over() -> Incident:
        incident.refresh_from_db()
        at = next(minutes)
        incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution=hostile())
        incident.refresh_from_db()
        return incident_describe(
            by=by, at=at, incident=incident, expected=incident.version, changes={"cause": hostile()}
        )

    at = begun
    review = review_draft(by=by, at=at, incident=over())
    for section in review.sections.select_related("review__incident"):
        for _time in range(2):
            review_section_edit(by=by, at=at, section=section, expected=section.version, body=hostile())
    root = cause_add(by=by, at=at, review=review, parent=None, kind="root", text=SHORT)
    for text in each()[: CAUSES - 1]:
        cause_add(by=by, at=at, review=review, parent=root, kind="root", text=text)
    action_item_add(by=by, at=at, incident=incident, title=SHORT, owner_id=person.pk)

    def read(answer: Callable[..., Review]) -> None:
        review.refresh_from_db()
        at = next(minutes)
        sent = review_submit(by=by, at=at, review=review, expected=review.version)
        answer(by=reader, at=at, review=sent, expected=sent.version, note=hostile())

    read(review_send_back)
    read(review_publish)
    incident.refresh_from_db()
    incident_reopen(by=by, at=next(minutes), incident=incident, expected=incident.version, why=hostile())
    over()
    read(review_publish)
    incident.refresh_from_db()
    return incident


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
    """Reports, a review that is due, retrospectives, alarms, webhooks and the platform's own names."""
    at = clock.now()
    clock_policy(platform, "review", 2880, label="P0")
    due = declare(platform, by=by, at=at, title=SHORT, label="P0")
    incident_resolve(by=by, at=at, incident=due, expected=due.version, resolution=SHORT)
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
    for saved in (1, 2):
        texts = {name: hostile() for name in ("well", "improve", "actions")}
        retrospective_write(by=by, at=at, row=row, expected=saved, **texts)
    transition(alarm(platform, key="quiet", signal="quiet", opens_incident=False), "alarm", at, reason=SHORT)
    Alarm.objects.update(name=SHORT, reason=SHORT, state="alarm")
    address, events = "https://x.example/", ["incident.declared"]
    hook, _ = webhook_add(by=by, at=at, platform=platform, name=SHORT, url=address, events=events)
    return [*(f"/user-reports/{report.pk}/" for report in reports), row.url, row.texts_url,
            f"/settings/webhooks/{hook.pk}/",
            f"/incidents/declare/?from=report:{reports[2].pk}"]  # fmt: skip


def _written(platform: Platform, by: Actor) -> list[str]:
    """Decisions and dashboards."""
    at = clock.now()
    sections = ("context", "decision", "consequences", "alternatives", "implementation")
    texts = {name: hostile() for name in sections}
    values = {"title": SHORT, "status": "proposed", **texts}
    decision = decision_add(by=by, at=at, day=at.date(), platform=platform, values=values)
    charts = [Chart(title=title[:120], note=note) for title, note in zip(each()[:12], each()[12:24], strict=True)]
    dashboard = dashboard_of(platform, name=SHORT, note=hostile(), charts=charts)
    Dashboard.objects.bulk_create(Dashboard(platform=platform, name=text[:120]) for text in each())
    own = f"/monitoring/dashboards/{dashboard.pk}/"
    return [
        "/decisions/", f"/decisions/{decision.pk}/", f"/decisions/{decision.pk}/edit/",
        "/monitoring/dashboards/", own, f"{own}edit/", f"{own}delete/",
    ]  # fmt: skip


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


def sinks_of(platform: Platform, *, by: Actor, person: User, reader: Actor) -> Sinks:
    """All that can be written is hostile; `reader` is a second person, who publishes reviews."""
    office = BusinessCalendar.objects.create(
        platform=platform, key="office", name=SHORT, weekdays=[1, 2, 3, 4, 5], opens_at="09:00", closes_at="17:00",
        source_text=SHORT,
    )  # fmt: skip
    clock_policy(platform, "update", 30, label="P3", calendar=office, text=SHORT, source_text=SHORT, note=hostile())
    clock_policy(platform, "acknowledge", None, label="P3", text=SHORT, source_text=SHORT)
    User.objects.update(name=SHORT)
    Service.objects.update(name=SHORT)
    Severity.objects.update(name=SHORT[:40])
    incident, past = _open_one(platform, by, person), _past_one(platform, by, person, reader)
    own = [*_runbook(platform, by, incident), *_around(platform, by, incident), *_written(platform, by)]
    edition = past.review.editions.earliest("version")
    _rows(platform, by, incident, past)
    Platform.objects.update(name=SHORT)
    rule = f"/settings/clock-rules/{incident.severity_id}/update/"
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
        f"{past.url}review/sections/cause/texts/", f"{past.url}review/causes/texts/", edition.url,
        f"{url}completions/",
        f"{past.url}review/causes/{past.review.causes.latest('pk').pk}/", "/actions/", f"/actions/{item.number}/",
        "/learnings/", "/learnings/retrospectives/", "/problems/", problem.url, problem.texts_url, "/user-reports/",
        "/user-reports/new/", "/incidents/queue/", "/incidents/queue/?view=planned", "/clocks/",
        "/calendar/", rule, "/settings/clock-rules/", "/wall/", "/", "/notices/", "/incidents/",
        "/reports/incidents/", "/reports/incidents/rows/", "/settings/webhooks/",
        f"/platforms/{platform.key}/calendars/", f"/platforms/{platform.key}/calendars/{office.pk}/",
        f"/search/?{asked}", f"/incidents/?{asked}",
        f"/runbooks/?{asked}", f"/incidents/declare/?{urlencode({'title': payloads()[0]})}", "/reports/audit/", *own,
    ]  # fmt: skip
    files = [
        *(f"{url}timeline.{ending}" for ending in ("md", "csv", "json")), f"{url}log/{file}/file/",
        f"{past.url}review.md", f"{past.url}review.json", f"{past.url}review/public/?s=cause&file=1",
        "/incidents/export.csv", "/reports/incidents.csv", "/learnings/digest.md",
        f"/calendar/{calendar_make(by=by, at=clock.now())}.ics",
    ]  # fmt: skip
    return Sinks(pages, files, (problem.url, "analysis", hostile()))
