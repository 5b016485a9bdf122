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

from incidents.models import EntryMark, Incident
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
from opsportal.knowledge.models import StepOutcome
from opsportal.knowledge.services.runs import run_finish, run_start, step_finish
from opsportal.notifications.webhooks import webhook_add
from opsportal.platforms.models import BusinessCalendar, Platform, Service, Severity
from tests.factories.incidents import alarm, clock_policy, declare, transition
from tests.factories.runbooks import TEXT, runbook

pytestmark = pytest.mark.e2e
# Out of a text, an attribute with either quote, a text area, a title, a script: for fields that hold one line.
SHORT = "'\"></textarea></title></script><img src=x onerror=xss()>"
CORPUS = (
    "<script>xss()</script>",
    "<img src=x onerror=xss()>",
    "<svg onload=xss()>",
    "<svg><script>xss()</script></svg>",
    "<svg><animate onbegin=xss() attributeName=x dur=1s>",
    "<math><mtext></p><script>xss()</script>",
    '<iframe srcdoc="<script>parent.xss()</script>"></iframe>',
    '<iframe src="javascript:parent.xss()"></iframe>',
    '<object data="data:text/html,<script>xss()</script>"></object>',
    '<embed src="data:text/html,<script>xss()</script>">',
    "<details open ontoggle=xss()>x</details>",
    "<video><source onerror=xss()></video>",
    "<body onload=xss()>",
    "<input autofocus onfocus=xss()>",
    "<marquee onstart=xss()>x</marquee>",
    "<style>*{background:url(javascript:xss())}</style>",
    '<link rel="stylesheet" href="data:text/css,*{}">',
    '<meta http-equiv="refresh" content="0;url=javascript:xss()">',
    '<base href="javascript:xss()//">',
    '<form action="javascript:xss()"><button formaction="javascript:xss()">x</button></form>',
    '<a href="javascript:xss()">x</a>',
    '<a href=" &#106;avascript:xss()">x</a>',
    '<div hx-get="/x" hx-trigger="load" hx-on::load="xss()">x</div>',
    '<div data-hx-get="/x" data-hx-on:htmx:load="xss()">x</div>',
    '<p style="position:fixed;inset:0" onclick="xss()">x</p>',
    "[x](javascript:xss())",
    "[x](JaVaScRiPt&colon;xss())",
    "[x](data:text/html;base64,PHNjcmlwdD54c3MoKTwvc2NyaXB0Pg==)",
    "[x][y]\n\n[y]: javascript:xss()",
    '![x](x"onerror="xss())',
    "![x](javascript:xss())",
    "<javascript:xss()>",
    '<https://x.example/"onmouseover="xss()>',
    "[x](https://x.example/ \"'onmouseover=xss() x='\")",
    "`<img src=x onerror=xss()>`",
    "```\n</code></pre><img src=x onerror=xss()>\n```",
    '``` "onmouseover=xss()\nx\n```',
    "| <img src=x onerror=xss()> | a |\n|---|---|\n| </td><script>xss()</script> | b |",
    "<!--><img src=x onerror=xss()>-->",
    "<![CDATA[<img src=x onerror=xss()>]]>",
    '<noscript><p title="</noscript><img src=x onerror=xss()>"></noscript>',
    "<template><img src=x onerror=xss()></template>",
    "&lt;img src=x onerror=xss()&gt;",
    "\\u003cimg src=x onerror=xss()\\u003e",
    "{{constructor.constructor('xss()')()}} ${xss()} {% debug %}",
    "'-xss()-' \";xss();// </script><script>xss()</script>",
    "\u202e<img src=x onerror=xss()>",
    "<img/src/onerror=xss()>",
    "<x tabindex=1 onfocus=xss() autofocus>x</x>",
)
LONG = f"{SHORT}\n\n" + "\n\n".join(CORPUS)

HOOK = """
window.ran = []; window.refused = [];
window.xss = window.alert = window.confirm = window.prompt = () => { ran.push(location.pathname); };
addEventListener("securitypolicyviolation", (event) => refused.push(`${event.effectiveDirective} ${event.sourceFile || event.blockedURI}`));
"""  # noqa: E501 - one line of script
FOUND = r"""() => {
  const isDrawing = document.documentElement.localName === "svg"; // its own style is refused when it is opened alone
  const addresses = /^(href|src|action|formaction|data|xlink:href)$/;
  const made = [...document.querySelectorAll("*")].flatMap((element) => {
    const name = element.localName, attributes = [...element.attributes];
    const bad = attributes.filter((one) => /^on|^(data-)?hx-on|^srcdoc$|^style$/.test(one.name)
      || (/^(data-)?hx-(get|post)$/.test(one.name) && one.value === "/x")
      || (addresses.test(one.name) && /^\s*(javascript|data:text)/i.test(one.value)));
    const foreign = ["iframe", "object", "embed", "base", "math", "marquee", "video", "x"].includes(name)
      || (name === "style" && !isDrawing)
      || (name === "script" && !element.getAttribute("src")?.startsWith("/static/"))
      || (name === "img" && element.getAttribute("src") === "x")
      || (name === "link" && element.href.startsWith("data:text"));
    return foreign || bad.length ? [element.cloneNode(false).outerHTML] : [];
  });
  return { made, ran: window.ran, refused: window.refused.filter((one) => !isDrawing || !one.startsWith("style-src")) };
}"""


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
    incident = declare(
        platform, by=by, at=at, label="P3", title=SHORT, summary=LONG, external_source=SHORT[:40], external_id=SHORT
    )

    def now(**values: Any) -> dict[str, Any]:
        incident.refresh_from_db()
        return {"by": by, "at": at, "incident": incident, "expected": incident.version, **values}

    for text in (LONG, *CORPUS):
        entry_log(by=by, at=at, incident=incident, body=text)
    line = entry_log(by=by, at=at, incident=incident, body=SHORT)
    fixed = entry_correct(by=by, at=at, entry=line, body=LONG)
    entry_pin(by=by, at=at, entry=fixed, on=True)
    EntryMark.objects.create(incident=incident, entry=fixed, kind="tag", text=SHORT[:40], by=person, at=at)
    span = {"start": (at - timedelta(hours=1)).isoformat(), "end": at.isoformat()}
    graph = {"name": SHORT, "unit": "", "stat": SHORT, "points": [[int(at.timestamp()) - 60, 1.0]], **span}
    entry_log(by=by, at=at, incident=incident, body=SHORT, kind="graph", data=graph)
    attachment_add(by=by, at=at, incident=incident, name=f"{SHORT}.html", content=LONG.encode())
    task_add(by=by, at=at, incident=incident, title=SHORT, owner_id=person.pk)
    update_post(**now(state="identified", audience="public", body=LONG[:4000]))
    role_assign(**now(role="scribe", user_id=person.pk, note=SHORT))
    incident_triage(**now(answers={"users": {"answer": "yes", "note": SHORT}}))
    clock_pause(**now(kind="update", why=SHORT))
    incident_plan(**now(planned_for=SHORT, planned_url="https://x.example/'\"onmouseover=xss()"))
    changes = {"users_affected": SHORT, "impact_business": LONG, "impact_technical": LONG, "cause": LONG}
    incident_describe(**now(changes=changes, why=""))
    problem = problem_open(by=by, at=at, platform_id=platform.pk, values={"title": SHORT, "impact": LONG})
    texts = {"analysis": LONG, "workaround": LONG, "title": SHORT, "state": "open", "priority": 2, "impact": LONG}
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
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version, resolution=LONG[:4000])
    review = review_draft(by=by, at=at, incident=done)
    for section in review.sections.select_related("review__incident"):
        review_section_edit(by=by, at=at, section=section, expected=section.version, body=LONG)
    root = cause_add(by=by, at=at, review=review, parent=None, kind="root", text=SHORT)
    cause_add(by=by, at=at, review=review, parent=root, kind="root", text=SHORT)
    action_item_add(by=by, at=at, incident=done, title=SHORT, owner_id=person.pk)
    return done


def _runbook(platform: Platform, by: Actor, incident: Incident) -> list[str]:
    at = clock.now()
    body = TEXT.replace("Read the log.", "\n\n".join(text for text in CORPUS if "```" not in text))
    body = body.replace("A deployment", '"<img src=x onerror=xss()>"').replace("### Look\n", f"### {SHORT}\n")
    book = runbook(platform, at=at, title=SHORT, summary=SHORT, body=body, owner=SHORT, note=SHORT,
                   triggers={"services": ["web"], "alarms": [SHORT], "tags": [SHORT]})  # fmt: skip
    first = runbook_start(by=by, at=at, incident=incident, runbook=book)
    step_finish(by=by, at=at, run=first, expected=first.version, step=1, outcome=StepOutcome.DONE, note=LONG)
    past = run_start(by=by, at=at, runbook=book, is_practice=True)
    past = step_finish(by=by, at=at, run=past, expected=past.version, step=1, outcome=StepOutcome.FAILED, note=SHORT)
    past = run_finish(
        by=by, at=at, run=past, expected=past.version, needs_change=True, wanted_change=LONG[:2000], reason=SHORT
    )
    url = book.get_absolute_url()
    return ["/runbooks/", url, f"{url}edit/", first.get_absolute_url(), past.get_absolute_url(), "/reports/runbooks/"]


def _around(platform: Platform, by: Actor, incident: Incident) -> list[str]:
    """Reports, retrospectives, alarms, webhooks and the platform's own names."""
    at = clock.now()
    reports = [
        report_add(
            by=by, at=at, platform_id=platform.pk, text=LONG[:8000], kind="fault", channel="phone", reporter=SHORT
        )
        for _ in range(3)
    ]
    report_attach(by=by, at=at, report=reports[0], incident=incident)
    report_answer(by=by, at=at, report=reports[1], expected=1, answer=LONG[:8000])
    first = (at - timedelta(days=40)).date()
    row = retrospective_open(by=by, at=at, platform=platform, kind="biweekly", starts_on=first)
    retrospective_write(by=by, at=at, row=row, expected=1, well=LONG, improve=LONG, actions=LONG)
    transition(alarm(platform, key="quiet", signal="quiet", opens_incident=False), "alarm", at, reason=SHORT)
    Alarm.objects.update(name=SHORT, reason=SHORT, state="alarm")
    address, events = "https://x.example/", ["incident.declared"]
    hook, _ = webhook_add(by=by, at=at, platform=platform, name=SHORT, url=address, events=events)
    return [*(f"/user-reports/{report.pk}/" for report in reports), row.url, f"/settings/webhooks/{hook.pk}/",
            f"/incidents/declare/?from=report:{reports[2].pk}"]  # fmt: skip


@pytest.fixture
def sinks(platform: Platform, admin: User, actor_for: Callable[..., Actor]) -> tuple[list[str], list[str]]:
    """Every page of incidents and what hangs on them, and every file; all that can be written is hostile."""
    by = actor_for(admin)
    office = BusinessCalendar.objects.create(
        platform=platform, key="office", name=SHORT, weekdays=[1, 2, 3, 4, 5], opens_at="09:00", closes_at="17:00",
        source_text=SHORT,
    )  # fmt: skip
    clock_policy(platform, "update", 30, label="P3", calendar=office, text=SHORT, source_text=SHORT, note=LONG)
    clock_policy(platform, "acknowledge", None, label="P3", text=SHORT, source_text=SHORT)
    User.objects.update(name=SHORT)
    Service.objects.update(name=SHORT)
    Severity.objects.update(name=SHORT[:40])
    incident, past = _open_one(platform, by, admin), _past_one(platform, by, admin)
    own = [*_runbook(platform, by, incident), *_around(platform, by, incident)]
    Platform.objects.update(name=SHORT)
    url, asked = incident.url, urlencode({"q": SHORT})
    line = incident.entries.get(superseded_by=None, supersedes__isnull=False).number
    graph, file = (incident.entries.get(kind=kind).number for kind in ("graph", "file"))
    item, problem = past.action_items.get(), incident.problem_link.problem
    acts = ("severity", "role", "update", "mitigate", "resolve", "describe", "restrict", "triage", "merge", "link",
            "plan", "problem", "clock-pause", "task", "pin", "metric", "attach", "export", "situation")  # fmt: skip
    pages = [
        *(f"{url}?tab={tab}" for tab in PANES), f"{url}?entries=all", f"{url}?filter=open&{asked}",
        *(f"{url}{act}/" for act in acts), f"{url}log/{line}/", f"{url}log/{line}/correct/", f"{url}log/{graph}/",
        f"{url}log/{graph}/graph.svg", past.url, f"{past.url}close/", f"{past.url}review/",
        f"{past.url}review/public/?s=cause&s=impact", f"{past.url}review/sections/cause/",
        f"{past.url}review/causes/{past.review.causes.latest('pk').pk}/", "/actions/", f"/actions/{item.number}/",
        "/learnings/", "/learnings/retrospectives/", "/problems/", f"/problems/{problem.number}/", "/user-reports/",
        "/user-reports/new/", "/incidents/queue/", "/clocks/", "/calendar/", "/wall/", "/", "/notices/", "/incidents/",
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
    faults = []
    for path in sinks[0]:
        answer = page.goto(path)
        page.wait_for_function("() => !document.querySelector('.skels')")
        found = {witness: seen for witness, seen in _found(page).items() if seen}
        if answer is None or answer.status != 200 or "xss" not in page.content() or found:
            faults.append(f"{path}: {answer and answer.status} {found or 'nothing of the corpus is on it'}")
    page.goto(sinks[0][0])
    page.keyboard.press("/")
    page.keyboard.insert_text("xss")
    page.wait_for_function("() => document.querySelector('#palette-list [role=option]')")
    faults += [f"palette: {found}" for found in [_found(page)] if any(found.values())]
    assert not faults, "\n".join(faults)


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
