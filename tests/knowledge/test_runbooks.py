"""Runbooks in the browser: index, versions, writing, and runs outside incidents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.knowledge.forms import TEMPLATE
from opsportal.knowledge.models import Runbook, RunbookRun, RunbookStepAnswer, RunbookStepRun, StepOutcome
from opsportal.knowledge.runbooks import step_kinds
from opsportal.knowledge.runbooks.step_kinds import Followed, Question, StepAnswer, ask_step, problems_of
from opsportal.knowledge.selectors.runbooks import matching_runbooks, never_run, runbook_rows
from opsportal.knowledge.services import runbooks
from opsportal.knowledge.services.runbooks import RunbookDraft, RunbookError
from opsportal.knowledge.services.runs import (
    ASK_TASK,
    run_finish,
    run_start,
    run_take_over,
    step_answered,
    step_ask,
    step_finish,
)
from opsportal.knowledge.tasks import answer_step
from opsportal.platforms.models import Platform
from opsportal.schedule.models import Run
from opsportal.schedule.tasks import run_once
from tests.at_once import at_once
from tests.bad_input import BAD_TEXTS, post_form
from tests.factories.runbooks import TEXT, runbook

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
INDEX = reverse("knowledge:runbook-list")
NEW = reverse("knowledge:runbook-new")


def text_of(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_lines_of_a_log_are_for_those_who_may_carry_it_out(
    platform: Platform, operator: User, viewer: User, at: datetime, client_for: ClientFor, actor_for: ActorFor
) -> None:
    body = TEXT.replace("check: alarms.pending", "logs:\n  service: web\n  query: fields @message").replace(
        "```check", "```query"
    )
    book = runbook(platform, at=at, body=body)
    by = actor_for(operator)
    run = run_start(by=by, at=at, runbook=book, is_practice=True)
    run = step_finish(by=by, at=at, run=run, expected=run.version, step=1, outcome=StepOutcome.DONE)
    asked = RunbookStepRun.objects.create(run=run, step=2, attempt=1, outcome=StepOutcome.ASKED, started_at=at, at=at)
    RunbookStepAnswer.objects.create(
        step_run=asked,
        summary="1 line of web",
        columns=["@message"],
        rows=[["card 4111 refused"]],
        fetched_at=at,
        at=at,
    )
    for person, reads in ((operator, True), (viewer, False)):
        page = client_for(person).get(run.get_absolute_url()).content.decode()
        assert "1 line of web" in page
        assert ("card 4111 refused" in page) == reads
        assert ("The lines are shown to operators and commanders." in page) != reads


def test_the_index_says_what_was_run_and_what_is_only_named(
    client_for: ClientFor, viewer: User, operator: User, platform: Platform, at: datetime, actor_for: ActorFor
) -> None:
    written = runbook(platform, at=at, triggers={"alarms": ["api-latency"]})
    Runbook.objects.create(platform=platform, slug="named", title="High memory", note="The guide names it.")
    run_start(by=actor_for(operator), at=at, runbook=written, is_practice=True)
    page = text_of(client_for(viewer), INDEX)
    assert "Slow answers" in page
    assert "api-latency" in page
    assert "not written" in page
    assert "no finding" in page
    only = text_of(client_for(viewer), INDEX, view="not-written")
    assert "High memory" in only
    assert "Slow answers" not in only
    row = next(row for row in runbook_rows(actor_for(viewer), platform_id=None, today=at.date()) if row.last_drill)
    assert (row.runbook.pk, row.last_run) == (written.pk, None)


def test_strangers_see_none(client_for: ClientFor, stranger: User, platform: Platform, at: datetime) -> None:
    written = runbook(platform, at=at)
    assert "Slow answers" not in text_of(client_for(stranger), INDEX)
    assert client_for(stranger).get(written.get_absolute_url()).status_code == 404


def test_a_new_one_is_written_from_the_template(client_for: ClientFor, commander: User, platform: Platform) -> None:
    client = client_for(commander)
    assert "find-the-cause" in text_of(client, NEW)
    sent = {"platform": "shop", "title": "Queue grows", "body": TEMPLATE, "alarms": "queue-depth, queue-age"}
    preview = client.post(NEW, {**sent, "preview": "1"})
    assert preview.status_code == 200
    assert not Runbook.objects.exists()
    assert client.post(NEW, sent).status_code == 303
    made = Runbook.objects.get()
    assert (made.slug, made.trigger("alarms"), made.source) == ("queue-grows", ["queue-depth", "queue-age"], "edited")
    assert made.current is not None
    assert made.current.number == 1
    again = client.post(NEW, sent)
    assert again.status_code == 422
    assert "choose another title" in again.content.decode()


def test_a_text_with_errors_is_kept_and_not_published(
    client_for: ClientFor, commander: User, platform: Platform
) -> None:
    body = "## Steps\n### Restart\nSomehow.\n"
    answer = client_for(commander).post(NEW, {"platform": "shop", "title": "Restart", "body": body})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "how does one know that it worked" in page
    assert "Somehow." in page
    assert not Runbook.objects.exists()


def test_it_is_never_written_under_another_platform_than_was_meant(
    client_for: ClientFor, commander: User, platform: Platform
) -> None:
    sent = {"platform": "elsewhere", "title": "Queue grows", "body": TEMPLATE}
    assert client_for(commander).post(NEW, sent).status_code == 404
    assert not Runbook.objects.exists()


def test_an_operator_carries_out_and_does_not_write(client_for: ClientFor, operator: User, platform: Platform) -> None:
    assert client_for(operator).get(NEW).status_code == 403


def test_another_version_shows_what_changed(
    client_for: ClientFor, commander: User, platform: Platform, at: datetime
) -> None:
    written = runbook(platform, at=at)
    client = client_for(commander)
    url = reverse("knowledge:runbook-edit", args=["shop", "slow"])
    sent = {"title": "Slow answers", "body": TEXT.replace("Read the log.", "Read both logs."), "note": "two logs now"}
    assert client.post(url, {**sent, "version": written.version}).status_code == 303
    page = text_of(client, written.get_absolute_url(), since="1")
    assert "+Read both logs." in page
    assert "-Read the log." in page
    assert "two logs now" in page
    old = text_of(client, written.get_absolute_url(), version="1")
    assert "is not the present one" in old
    assert client.post(url, {**sent, "version": written.version + 2}).status_code == 303
    assert written.versions.count() == 2  # nothing new, no version


def test_who_writes_on_an_older_version_sees_both(
    client_for: ClientFor, commander: User, platform: Platform, at: datetime
) -> None:
    written = runbook(platform, at=at)
    url = reverse("knowledge:runbook-edit", args=["shop", "slow"])
    mine = TEXT.replace("Read the log.", "Read my log.")
    answer = client_for(commander).post(url, {"title": "Slow answers", "body": mine, "version": 1})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Read my log." in page
    assert "-Read the log." in page
    assert written.versions.count() == 1


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_bad_text_is_refused_or_kept_clean(
    client_for: ClientFor, commander: User, platform: Platform, text: str
) -> None:
    answer = post_form(client_for(commander), NEW, {"platform": "shop", "title": f"x{text}"[:100], "body": TEXT + text})
    assert answer.status_code < 500


def test_a_practice_run_is_walked_step_by_step(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime
) -> None:
    written = runbook(platform, at=at)
    client = client_for(operator)
    assert client.post(reverse("knowledge:runbook-practice", args=["shop", "slow"])).status_code == 303
    run = RunbookRun.objects.get()
    url = reverse("knowledge:runbook-step", args=[run.pk])

    def step(number: int, outcome: str, **values: str) -> int:
        run.refresh_from_db()
        sent = {"version": run.version, "step": number, "outcome": outcome, **values}
        return client.post(url, sent).status_code

    assert step(1, "done", note="3 pods running") == 303
    assert step(2, "skipped") == 422  # a skip needs its reason
    assert step(2, "skipped", note="monitoring is away") == 303
    assert (run.step_runs.get(step=2).reason, run.step_runs.get(step=2).output) == ("monitoring is away", "")
    assert step(3, "done") == 422  # a decision is chosen
    assert step(3, "chosen", choice="roll-back") == 303
    assert step(4, "done") == 303
    assert step(6, "failed", note="trace " * 100) == 303
    kept = run.step_runs.get(step=6)
    assert (kept.reason, kept.output.strip()) == ("", ("trace " * 100).strip())  # too long for a reason, and whole
    page = text_of(client, run.get_absolute_url())
    assert "3 pods running" in page
    assert "monitoring is away" in page
    assert "Every step is behind you" in page
    end = reverse("knowledge:runbook-run-end", args=[run.pk])
    run.refresh_from_db()
    assert client.post(end, {"version": run.version, "needs_change": "yes"}).status_code == 422
    sent = {"version": run.version, "needs_change": "yes", "wanted_change": "Name the second log."}
    assert client.post(end, sent).status_code == 303
    run.refresh_from_db()
    assert (run.state, run.is_practice) == ("finished", True)
    assert "Name the second log." in text_of(client, written.get_absolute_url())
    body = TEXT.replace("Read the log.", "Read both.")
    draft = RunbookDraft(title="Slow answers", body=body)
    written.refresh_from_db()
    runbooks.runbook_edit(
        by=Actor(kind="system", name="tests"), at=at, runbook=written, expected=written.version, draft=draft
    )
    assert "Name the second log." not in text_of(client, written.get_absolute_url())


def test_htmx_gets_the_run_alone_and_what_was_typed_when_refused(
    client_for: ClientFor, operator: User, platform: Platform, at: datetime, actor_for: ActorFor
) -> None:
    run = run_start(by=actor_for(operator), at=at, runbook=runbook(platform, at=at))
    url = reverse("knowledge:runbook-step", args=[run.pk])
    headers = {"HX-Request": "true"}
    sent = {"version": 1, "step": 2, "outcome": "done", "note": "of yesterday"}
    refused = client_for(operator).post(url, sent, headers=headers)
    assert refused.status_code == 422
    assert "stands at another step" in refused.content.decode()
    assert "of yesterday" in refused.content.decode()
    sent = {"version": 9, "step": 1, "outcome": "done"}
    assert client_for(operator).post(url, sent, headers=headers).status_code == 409


def test_a_run_keeps_the_version_it_began_with(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    written, by = runbook(platform, at=at), actor_for(operator)
    run = run_start(by=by, at=at, runbook=written)
    draft = RunbookDraft(title="Slow answers", body=TEXT.replace("### Look\n", "### Look twice\n"))
    runbooks.runbook_edit(by=by, at=at, runbook=written, expected=written.version, draft=draft)
    run.refresh_from_db()
    assert run.text.parsed.steps[0].title == "Look"


def test_a_step_that_asks_is_answered_by_the_worker(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    run = run_start(by=by, at=at, runbook=runbook(platform, at=at))
    with pytest.raises(RunbookError, match="done by hand"):
        step_ask(by=by, at=at, run=run, expected=1)
    run = step_finish(by=by, at=at, run=run, expected=1, step=1, outcome=StepOutcome.DONE)
    asked = step_ask(by=by, at=at, run=run, expected=2)
    assert step_ask(by=by, at=at, run=run, expected=2).pk == asked.pk  # asked once while it waits
    wanted = Run.objects.get(task=ASK_TASK)
    run_once(ASK_TASK, answer_step, wanted.pk)
    answer = RunbookStepRun.objects.get(pk=asked.pk).answer
    assert answer.verdict == "unknown"  # no metric of this platform is read
    kept = step_answered(by=by, at=at, asked=asked, answer=StepAnswer("ok", "later", at))
    assert kept.pk == answer.pk  # a second answer changes nothing
    run = step_finish(by=by, at=at + timedelta(minutes=2), run=run, expected=2, step=2, outcome=StepOutcome.DONE)
    assert run.position == 3
    last = RunbookStepRun.objects.order_by("-pk")[0]
    assert (last.attempt, last.at - last.started_at) == (2, timedelta(minutes=2))


def test_a_step_says_what_it_asks_and_an_answer_without_a_verdict_looks_like_none(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    check = "check: metric.within\nparams: {service: web, metric: cpu, stat: Average, minutes: 15, maximum: 70}"
    body = f"## Verification\n### Is it calm?\n```check\n{check}\n```\n### Again\n```query\n"
    body += "metric: {service: web, metric: cpu}\n```\n"
    by, client = actor_for(operator), client_for(operator)
    run = run_start(by=by, at=at, runbook=runbook(platform, at=at, body=body))
    page = text_of(client, run.get_absolute_url())
    assert "Run the check</" in page
    assert "</code>: service web, metric cpu, stat Average, over 15 min, at most 70" in page
    run = step_finish(by=by, at=at, run=run, expected=1, step=1, outcome=StepOutcome.DONE)
    asked = step_ask(by=by, at=at, run=run, expected=2)
    step_answered(by=by, at=at, asked=asked, answer=StepAnswer("", "4 rows from Shop", at))
    page = text_of(client, run.get_absolute_url())
    assert "<p>4 rows from Shop <small" in page
    assert "Run the query again</" in page


def test_what_cannot_be_asked_is_could_not_check(platform: Platform, at: datetime) -> None:
    system = Actor(kind="system", name="tests")
    for kind, params in (
        ("check", {"check": "no.such"}),
        ("query", {"sql": "DELETE FROM x", "database": "shop"}),
        ("query", {"sql": "SELECT 1", "database": "nowhere"}),
        ("query", {"metric": {"service": "web", "metric": "cpu"}}),
        ("http", {"url": "ftp://example.com"}),
        ("http", {"url": "http://127.0.0.1/"}),
        ("action", {"plan": "no-such-plan"}),
        ("action", {"plan": "database-analyze"}),
    ):
        answer = ask_step(Question(platform=platform, kind=kind, params=params, at=at, by=system))  # type: ignore[arg-type]
        assert answer.verdict == "unknown", kind


def test_a_check_that_does_not_exist_is_found_by_the_lint() -> None:
    found = problems_of(TEXT.replace("alarms.pending", "alarms.absent"))
    assert [problem.text for problem in found] == ["“Is it healthy?”: There is no check named alarms.absent."]


def test_only_the_holder_goes_on_until_another_takes_over(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    run = run_start(by=actor_for(operator), at=at, runbook=runbook(platform, at=at))
    finish = partial(step_finish, at=at, run=run, step=1, outcome=StepOutcome.DONE)
    with pytest.raises(RunbookError, match="holds this run"):
        finish(by=actor_for(commander), expected=1)
    page = text_of(client_for(commander), run.get_absolute_url())
    assert "holds this run" in page
    take = reverse("knowledge:runbook-run-take", args=[run.pk])
    assert client_for(commander).post(take, {"version": 1}).status_code == 303
    with pytest.raises(RunbookError, match="holds this run"):
        finish(by=actor_for(operator), expected=2)
    assert finish(by=actor_for(commander), expected=2).position == 2


def test_ended_early_says_so_and_ends_once(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    run = run_start(by=by, at=at, runbook=runbook(platform, at=at))
    with pytest.raises(RunbookError, match="Say why"):
        run_finish(by=by, at=at, run=run, expected=1, needs_change=False)
    run = run_finish(by=by, at=at, run=run, expected=1, reason="It is  another fault")
    assert (run.state, run.end_reason, run.needs_change) == ("stopped", "It is another fault", None)
    with pytest.raises(RunbookError, match="has ended"):
        run_take_over(by=by, at=at, run=run, expected=2)


def test_a_run_whose_holder_is_gone_is_left_by_another(
    client_for: ClientFor, operator: User, commander: User, viewer: User, platform: Platform, at: datetime,
    actor_for: ActorFor,
) -> None:  # fmt: skip
    run = run_start(by=actor_for(operator), at=at, runbook=runbook(platform, at=at))
    client, end = client_for(commander), reverse("knowledge:runbook-run-end", args=[run.pk])
    assert "Leave the run before its end" in text_of(client, run.get_absolute_url())
    assert "Leave the run" not in text_of(client_for(viewer), run.get_absolute_url())
    refused = client.post(end, {"version": 1, "needs_change": "yes", "reason": "Ada <went> home"})
    assert refused.status_code == 422
    assert 'value="Ada &lt;went&gt; home"' in refused.content.decode()
    assert client.post(end, {"version": 1, "reason": "Ada went home"}).status_code == 303
    run.refresh_from_db()
    assert (run.state, run.end_reason, run.holder_id) == ("stopped", "Ada went home", operator.pk)
    assert "Left at step 1: Ada went home" in text_of(client_for(viewer), run.get_absolute_url())
    through = run_start(by=actor_for(operator), at=at, runbook=run.runbook)
    RunbookRun.objects.filter(pk=through.pk).update(position=7)
    with pytest.raises(RunbookError, match="holds this run"):  # its last word is the holder's
        run_finish(by=actor_for(commander), at=at, run=through, expected=1, needs_change=False, reason="x")
    with pytest.raises(RunbookError, match="needs a change"):
        run_finish(by=actor_for(operator), at=at, run=through, expected=1)


def test_one_that_is_only_named_cannot_be_carried_out(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    named = Runbook.objects.create(platform=platform, slug="named", title="High memory")
    with pytest.raises(RunbookError, match="not written yet"):
        run_start(by=actor_for(operator), at=at, runbook=named)


def test_matching_puts_the_alarm_before_the_service_and_the_written_before_the_named(
    platform: Platform, at: datetime
) -> None:
    runbook(platform, at=at, slug="s", title="Of the service", triggers={"services": ["web"]})
    runbook(platform, at=at, slug="a", title="Of the alarm", triggers={"alarms": ["latency"]})
    Runbook.objects.create(platform=platform, slug="n", title="Named", triggers={"alarms": ["latency"]})
    found = matching_runbooks(platform.pk, alarms=["latency"], service="web", kind="outage")
    assert [match.runbook.title for match in found] == ["Of the alarm", "Of the service", "Named"]
    assert found[0].why == "alarm latency"
    assert matching_runbooks(platform.pk) == []


def test_coverage_names_what_was_never_carried_out(
    platform: Platform, at: datetime, viewer: User, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    first, second = runbook(platform, at=at), runbook(platform, at=at, slug="b", title="Another")
    run_start(by=actor_for(operator), at=at, runbook=first, is_practice=True)
    assert [row.pk for row in never_run(actor_for(viewer), None)] == [second.pk]
    assert "Another" in text_of(client_for(viewer), reverse("reports:runbook-coverage"))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_over_one_wins(
    platform: Platform, at: datetime, operator: User, commander: User, admin: User, actor_for: ActorFor
) -> None:
    run = run_start(by=actor_for(operator), at=at, runbook=runbook(platform, at=at))
    both = [actor_for(commander), actor_for(admin)]
    results = at_once(*(partial(run_take_over, by=by, at=at, run=run, expected=1) for by in both))
    assert sum(isinstance(result, VersionConflictError) for result in results) == 1
    run.refresh_from_db()
    assert run.holder_id in {by.user_id for by in both}
    assert run.version == 2


def test_a_step_shows_what_became_of_its_plan_and_offers_no_second_one(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stands = {"/plans/7/": Followed("ok", "Restart: plan 969fff56 done, approved by Ada", may_ask=False)}
    monkeypatch.setitem(
        step_kinds._plans, "test-plan", lambda asked: StepAnswer("ok", "plan waits", asked.at, url="/plans/7/")
    )
    monkeypatch.setattr(step_kinds, "_followers", [lambda _urls: stands])
    act = "## Steps\n### Act\n```action\nplan: test-plan\n```\n"
    written = runbook(platform, at=at, body=f"## Symptoms\nSlow.\n\n{act}\n## Verification\n### It answers\nLook.\n")
    run = run_start(by=actor_for(operator), at=at, runbook=written)
    asked = step_ask(by=actor_for(operator), at=at, run=run, expected=1)
    client = client_for(operator)
    run_once(ASK_TASK, answer_step, Run.objects.get(key=f"runbook-step:{asked.pk}").pk)
    page = client.get(run.get_absolute_url()).content.decode()
    assert "plan 969fff56 done, approved by Ada" in page
    assert "plan waits" not in page
    assert "Make the plan" not in page
    stands["/plans/7/"] = Followed("warn", "Restart: plan 969fff56 rejected, by Ada", may_ask=True)
    assert "Make the plan again" in client.get(run.get_absolute_url()).content.decode()


def test_in_practice_no_plan_is_asked_for(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Question] = []

    def make(question: Question) -> StepAnswer:
        made.append(question)
        return StepAnswer("ok", "made", question.at)

    monkeypatch.setitem(step_kinds._plans, "test-plan", make)
    by = actor_for(operator)
    act = "## Steps\n### Act\n```action\nplan: test-plan\n```\n"
    text = f"## Symptoms\nSlow.\n\n{act}\n## Verification\n### It answers\nLook.\n"
    written = runbook(platform, at=at, body=text)
    for is_practice, said in ((True, "In practice no plan is made"), (False, "made")):
        run = run_start(by=by, at=at, runbook=written, is_practice=is_practice)
        asked = step_ask(by=by, at=at, run=run, expected=1)
        run_once(ASK_TASK, answer_step, Run.objects.get(key=f"runbook-step:{asked.pk}").pk)
        assert RunbookStepRun.objects.get(pk=asked.pk).answer.summary.startswith(said)
    assert [question.is_practice for question in made] == [False]
