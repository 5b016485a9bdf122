"""What each main page asks of the database: as many queries at a hundred rows as at one, and no more than agreed.

`query_counts.json` is the baseline: a page that must ask more says so there in the same commit, one that asks less
lowers it.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.models import Incident, Review, ReviewSection
from incidents.services import (
    cause_add,
    incident_resolve,
    retrospective_open,
    review_draft,
    review_publish,
    review_section_edit,
    review_submit,
)
from incidents.services.actions import action_item_add
from incidents.services.problems import problem_open
from incidents.services.reports import report_add
from incidents.services.runbooks import runbook_start
from incidents.services.timeline import entry_log
from maintenance.services.operations_log import log_write
from monitoring.models import AlarmState, Resource
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.health import selectors as health
from opsportal.knowledge.services.decisions import decision_add
from opsportal.notifications.models import Notice
from opsportal.notifications.webhooks import webhook_add
from opsportal.plans.models import Plan
from opsportal.plans.services import PlanDraft, PlannedCall, plan_create
from opsportal.platforms.models import Platform
from tests.architecture.fills.logs import LOG_PAGES
from tests.architecture.fills.monitoring import MONITORING_PAGES
from tests.architecture.fills.reports import REPORT_PAGES
from tests.factories.accounts import UserFactory
from tests.factories.incidents import alarm, clock_policy, declare
from tests.factories.maintenance import checklist_run
from tests.factories.monitoring import account_of
from tests.factories.runbooks import runbook

BASELINE: dict[str, int] = json.loads(Path(__file__).with_name("query_counts.json").read_text())
MANY = 60  # more than a page of any list holds
Measure = Callable[..., tuple[list[str], list[str]]]
Fill = Callable[[Platform, Actor, datetime, int], str]


def _incidents(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        declare(platform, by=by, at=at, title=f"Fault {number}")
    return "/incidents/"


def _today(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _incidents(platform, by, at, count)
    _alarms(platform, by, at, count)
    _log(platform, by, at, count)
    checklist_run(platform, at=at, items=2)
    return "/"


def _timeline(platform: Platform, by: Actor, at: datetime, count: int, **values: str) -> str:
    incident = declare(platform, by=by, at=at, **values)
    for number in range(count):
        entry_log(by=by, at=at, incident=incident, body=f"Line {number}")
    return f"/incidents/{incident.number}/"


def _restricted(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    return _timeline(platform, by, at, count, type="security")


def _actions(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    incident = declare(platform, by=by, at=at)
    for number in range(count):
        action_item_add(by=by, at=at, incident=incident, title=f"Do {number}", owner_id=by.user_id)
    return "/actions/"


def _queue(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        declare(platform, by=by, at=at, title=f"Typo {number}", label="P3")
        alarm(platform, key=f"q{number}", signal=f"q{number}", state=AlarmState.ALARM, since=at, severity=None)
    return "/incidents/queue/"


def _problems(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        problem_open(by=by, at=at, platform_id=platform.pk, values={"title": f"Cause {number}"})
    return "/problems/"


def _user_reports(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        report_add(by=by, at=at, platform_id=platform.pk, text=f"Slow {number}", kind="fault", channel="chat")
    return "/user-reports/"


def _situation(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        declare(platform, by=by, at=at, title=f"Fault {number}")
    return f"/incidents/{declare(platform, by=by, at=at, title='Fault again').number}/situation/"


def _alarms(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        alarm(platform, key=f"a{number}", signal=f"s{number}", state=AlarmState.ALARM, since=at)
    return "/monitoring/alarms/"


def _checklist(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    return f"/checklists/{checklist_run(platform, at=at, items=count).pk}/"


def _log(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        log_write(by=by, at=at, platform_id=platform.pk, text=f"Line {number}")
    return "/operations-log/"


def _notices(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    values = {"user_id": by.user_id, "platform": platform, "kind": "incident.opened", "subject": "Fault", "at": at}
    Notice.objects.bulk_create(Notice(key=f"{platform.key}:{number}", **values) for number in range(count))
    return "/notices/"


def _runbooks(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        runbook(platform, at=at, slug=f"slow-{number}", title=f"Slow answers {number}")
    return "/runbooks/"


def _audit(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _log(platform, by, at, count)
    return "/reports/audit/"


def _clocks(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _incidents(platform, by, at, count)
    return "/clocks/"


def _wall(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _incidents(platform, by, at, count)
    _alarms(platform, by, at, count)
    return "/wall/"


def _figures(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    _incidents(platform, by, at, count)
    return "/reports/incidents/"


def _review(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    """One with as many sections as there are, `count` causes, runs and action items."""
    incident = declare(platform, by=by, at=at)
    for number in range(count):
        book = runbook(platform, at=at, slug=f"slow-{number}", title=f"Slow answers {number}")
        runbook_start(by=by, at=at, incident=incident, runbook=book)
        action_item_add(by=by, at=at, incident=incident, title=f"Do {number}", owner_id=by.user_id)
    incident.refresh_from_db()
    incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at, incident=incident)
    for number in range(min(count, 30)):
        cause_add(by=by, at=at, review=review, parent=None, kind="root", text=f"Cause {number}")
    return review.url


def _published(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    """What was signed, and what came since."""
    url = _review(platform, by, at, count)
    review = Review.objects.select_related("incident").latest("pk")
    sent = review_submit(by=by, at=at, review=review, expected=review.version)
    reader = replace(by, user_id=UserFactory.create().pk)
    review_publish(by=reader, at=at, review=sent, expected=sent.version, note="although")
    for number in range(count):
        action_item_add(by=by, at=at, incident=review.incident, title=f"Do later {number}", owner_id=by.user_id)
    return url


def _section_texts(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    incident = declare(platform, by=by, at=at)
    incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    section = review_draft(by=by, at=at, incident=incident).sections.get(key="lessons")
    for number in range(count):
        review_section_edit(by=by, at=at, section=section, expected=section.version, body=f"Lesson {number}")
    return section.texts_url


def _learnings(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        incident = declare(platform, by=by, at=at, title=f"Fault {number}")
        incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
        review = review_draft(by=by, at=at, incident=incident)
        ReviewSection.objects.filter(review=review, key="lessons").update(body="Watch the pool.")
        Review.objects.filter(pk=review.pk).update(state="published", published_at=at)
    return "/learnings/"


def _retrospectives(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    first = at.date() - timedelta(days=20)
    for number in range(count):
        start = first - timedelta(weeks=number)
        retrospective_open(by=by, at=at, platform=platform, kind="tech_talk", starts_on=start)
    return "/learnings/retrospectives/"


def _decisions(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    values = {"title": "Queues", "context": "x", "decision": "y", "consequences": "z", "status": "proposed"}
    for number in range(count):
        decision_add(by=by, at=at, day=at.date(), platform=platform, values={**values, "title": f"Queues {number}"})
    return reverse("knowledge:decision-list")


def _webhooks(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        url, events = f"https://hook.example/{number}", ["incident.declared"]
        webhook_add(by=by, at=at, platform=platform, name=f"Bridge {number}", url=url, events=events)
    return reverse("notifications:webhooks")


def _clock_rules(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    clock_policy(platform, "resolve", 240)
    _incidents(platform, by, at, count)
    return "/settings/clock-rules/"


def _plans(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    for number in range(count):
        _plan(platform, by, at, f"Thing {number}", calls=1)
    return "/plans/"


def _plan_page(platform: Platform, by: Actor, at: datetime, count: int) -> str:
    return f"/plans/{_plan(platform, by, at, 'Things', calls=count).pk}/"


def _plan(platform: Platform, by: Actor, at: datetime, title: str, *, calls: int) -> Plan:
    planned = [PlannedCall(operation="test.touch", target=f"thing {number}") for number in range(calls)]
    lasts = at + timedelta(hours=1)
    draft = PlanDraft(kind="test", title=title, effect="", calls=planned, starts_after=None, expires_at=lasts)
    return plan_create(by=by, at=at, platform=platform, draft=draft)


def _act(platform: Platform, _by: Actor, at: datetime, count: int) -> str:
    account = account_of(platform, at=at, account_id=f"{platform.pk:012}")
    Resource.objects.bulk_create(
        Resource(
            platform=platform,
            account=account,
            region="us-east-1",
            kind="ecs_service",
            identifier=f"cluster/service-{number}",
            fetched_at=at,
        )
        for number in range(count)
    )
    return f"/act/?platform={platform.key}&action=scale-service"


PAGES: dict[str, Fill] = {
    **LOG_PAGES,
    **MONITORING_PAGES,
    **REPORT_PAGES,
    "today": _today,
    "incidents": _incidents,
    "incident": _timeline,
    "incident, restricted": _restricted,
    "actions": _actions,
    "queue": _queue,
    "problems": _problems,
    "user reports": _user_reports,
    "situation": _situation,
    "alarms": _alarms,
    "checklist run": _checklist,
    "operations log": _log,
    "notices": _notices,
    "audit": _audit,
    "clocks": _clocks,
    "wall": _wall,
    "incident figures": _figures,
    "runbooks": _runbooks,
    "review": _review,
    "review, published": _published,
    "review texts": _section_texts,
    "learnings": _learnings,
    "retrospectives": _retrospectives,
    "decisions": _decisions,
    "webhooks": _webhooks,
    "clock rules": _clock_rules,
    "plans": _plans,
    "plan": _plan_page,
    "ask for an action": _act,
}


def queries(client: Client, url: str) -> list[str]:
    """The statements of a second look with nothing cached: the first one may remember things."""
    assert client.get(url).status_code == 200
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def faults(page: str, one: list[str], many: list[str], baseline: int | None) -> list[str]:
    """What is wrong with a page's counts; the statements that came with the rows are named."""
    found = [f"{page}: {len(one)} queries for one row, {len(many)} for many"] if len(one) != len(many) else []
    found += [f"  {statement[:400]}" for statement in _more(one, many)] if found else []
    if baseline is None or len(one) > baseline:
        found.append(f"{page}: {len(one)} queries, query_counts.json says {baseline}")
    return found


def _more(one: list[str], many: list[str]) -> list[str]:
    """A few of the statements whose beginning the short list has less often."""
    known = Counter(statement[:120] for statement in one)
    known.subtract(statement[:120] for statement in many)
    return [statement for statement in many if known[statement[:120]] < 0][:3]


@pytest.fixture
def measure(
    platform: Platform,
    admin: User,
    client_for: Callable[..., Client],
    actor_for: Callable[..., Actor],
    monkeypatch: pytest.MonkeyPatch,
) -> Measure:
    """The statements of a page at one row and at many."""
    monkeypatch.setattr(health, "BANNER_SECONDS", 3600)  # else whichever page meets the turn pays for the banner
    client, by = client_for(admin), actor_for(admin)

    def statements(page: str, rows: int = MANY) -> tuple[list[str], list[str]]:
        at = clock.now()
        one = queries(client, PAGES[page](platform, by, at, 1))
        other = _other_platform(platform, admin)
        return one, queries(client, PAGES[page](other, by, at, rows))

    return statements


def _other_platform(platform: Platform, admin: User) -> Platform:
    """Another platform of the same person, so that the second fill meets no unique key of the first."""
    from tests.factories.platforms import MembershipFactory, platform_with_policy

    other = platform_with_policy(key=f"{platform.key}-many", name="Many")
    MembershipFactory.create(platform=other, user=admin, role="admin")
    return other


@pytest.mark.parametrize("page", list(PAGES))
def test_page_asks_as_agreed(page: str, measure: Measure) -> None:
    one, many = measure(page)
    found = faults(page, one, many, BASELINE.get(page))
    assert not found, "\n".join(found)


def test_a_query_for_each_row_is_refused(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: the list of incidents asks once more for each row."""
    from incidents import selectors

    whole: Any = selectors.clock_scores

    def one_by_one(actor: Actor, pks: list[int]) -> Any:
        for pk in pks:
            Incident.objects.filter(pk=pk).first()
        return whole(actor, pks)

    monkeypatch.setattr(selectors, "clock_scores", one_by_one)
    one, many = measure("incidents", 10)
    assert any(line.startswith("incidents: ") for line in faults("incidents", one, many, BASELINE["incidents"]))
    assert len(many) >= len(one) + 10
