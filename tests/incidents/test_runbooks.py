"""A runbook carried out for an incident: what matches comes first, every step lands on the timeline."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.test import Client

from incidents.choices import EntryKind
from incidents.errors import IncidentError
from incidents.models import Incident, IncidentRunbookRun
from incidents.selectors.runbooks import runbooks_matching
from incidents.services.access import incident_restrict
from incidents.services.acts import acts_offered
from incidents.services.claims import claim_transition
from incidents.services.links import incident_merge
from incidents.services.progress import CLOSING_TEXTS, incident_close, incident_resolve
from incidents.services.runbooks import runbook_meant, runbook_start
from monitoring.models import AlarmRule
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.knowledge.models import RunbookRun, StepOutcome
from opsportal.knowledge.runbooks.step_kinds import StepAnswer
from opsportal.knowledge.services.runs import run_finish, run_start, step_answered, step_ask, step_finish
from opsportal.live.topics import allowed_topics
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform, Service
from tests.chain import chain_last
from tests.factories.accounts import token_persona
from tests.factories.incidents import SYSTEM, alarm, declare, transition
from tests.factories.runbooks import runbook

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]


def lines(incident: Incident) -> list[str]:
    rows = incident.entries.filter(kind=EntryKind.RUNBOOK).order_by("number")
    return list(rows.values_list("body", flat=True))


def test_every_step_lands_on_the_timeline(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident, by = declare(platform, by=SYSTEM, at=at), actor_for(operator)
    run = runbook_start(by=by, at=at, incident=incident, runbook=runbook(platform, at=at))
    assert runbook_start(by=by, at=at, incident=incident, runbook=run.runbook).pk == run.pk  # gone on with
    run = step_finish(by=by, at=at, run=run, expected=1, step=1, outcome=StepOutcome.DONE, note="3 `pods`\nrunning")
    asked = step_ask(by=by, at=at, run=run, expected=2)
    step_answered(by=SYSTEM, at=at, asked=asked, answer=StepAnswer("fail", "2 alarms firing", at))
    run = step_finish(by=by, at=at, run=run, expected=2, step=2, outcome=StepOutcome.FAILED, note="still firing")
    run = step_finish(by=by, at=at, run=run, expected=3, step=3, outcome=StepOutcome.CHOSEN, choice="roll-back")
    run_finish(
        by=by,
        at=at,
        run=run,
        expected=4,
        needs_change=True,
        wanted_change="Say which one.",
        reason="Ada does it by hand",
    )
    of = "of 6 of Slow answers"
    assert lines(incident) == [
        "began the runbook Slow answers",
        f"did step 1 {of}, Look: 3 `pods`",
        f"answered step 2 {of}, Is it healthy?: failed, 2 alarms firing",
        f"failed at step 2 {of}, Is it healthy?: still firing",
        f"chose “A deployment” at step 3 {of}, What is it?",
        "left the runbook Slow answers at step 4 of 6: Ada does it by hand; it needs a change: Say which one.",
    ]


@pytest.mark.parametrize("is_merged", [False, True], ids=["closed", "merged"])
def test_what_is_over_leaves_its_runbooks_where_they_stand(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, *, is_merged: bool
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    other = declare(platform, by=by, at=at, title="The first of the two", service=None)
    first = runbook_start(by=by, at=at, incident=incident, runbook=runbook(platform, at=at))
    first = step_finish(by=by, at=at, run=first, expected=1, step=1, outcome=StepOutcome.DONE)
    through = runbook_start(by=by, at=at, incident=incident, runbook=runbook(platform, at=at, slug="b", title="B"))
    RunbookRun.objects.filter(pk=through.pk).update(position=7)
    elsewhere = runbook_start(by=by, at=at, incident=other, runbook=first.runbook)
    incident.refresh_from_db()
    with chain_last():
        if is_merged:
            incident_merge(by=by, at=at, incident=incident, expected=incident.version, target=other)
        else:
            incident = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    if not is_merged:
        with chain_last():
            incident_close(
                by=by, at=at, incident=incident, expected=incident.version, texts=dict.fromkeys(CLOSING_TEXTS, "text")
            )
    why = "the incident was closed as a duplicate" if is_merged else "the incident was closed"
    first.refresh_from_db()
    through.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (first.state, first.end_reason, first.finished_at) == ("stopped", why, at)
    assert (through.state, through.end_reason, through.needs_change) == ("finished", "", None)
    assert elsewhere.is_running
    assert lines(incident)[-2:] == [f"left the runbook Slow answers at step 2 of 6: {why}", "finished the runbook B"]
    assert incident.entries.latest("number").body.startswith("closed")
    told = AuditEntry.objects.filter(verb="knowledge.runbook_run.left").values_list("obj_id", flat=True)
    assert {int(pk) for pk in told} == {first.pk, through.pk}


def test_one_that_is_older_than_the_newest_twenty_is_gone_on_with(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    by = actor_for(operator)
    incident, written = declare(platform, by=by, at=at), runbook(platform, at=at)
    run = runbook_start(by=by, at=at, incident=incident, runbook=written)
    for number in range(20):
        newer = run_start(by=by, at=at + timedelta(minutes=number), runbook=written, subject=incident.reference)
        IncidentRunbookRun.objects.create(incident=incident, run=newer)
        RunbookRun.objects.filter(pk=newer.pk).update(state="stopped")
    client = client_for(token_persona(operator))
    url = f"/api/v1/incidents/{incident.number}/runbook-runs/"
    answer = client.post(url, {"runbook": "slow"}, content_type="application/json")
    assert (answer.status_code, answer.json()["id"]) == (201, run.pk)


def test_the_notice_of_an_alarms_incident_names_the_runbook(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    service = Service.objects.get(platform=platform)
    rule = AlarmRule.objects.create(
        platform=platform, service=service, key="db-connections", name="Connections", signal="db-connections",
        indicator={}, threshold=80,
    )  # fmt: skip
    runbook(platform, at=at, slug="s", title="Of the service", triggers={"services": ["web"]})
    runbook(platform, at=at, slug="a", title="Of the alarm", triggers={"alarms": ["db-connections"]})
    claim_transition(at=at, transition=transition(alarm(platform, rule=rule), "alarm", at))
    notice = Notice.objects.filter(kind="incident.opened", user=operator).get()
    assert notice.body.endswith("Runbook: Of the alarm.")


def test_the_alarms_runbook_comes_first_in_the_pane(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    rule = AlarmRule.objects.create(
        platform=platform, key="db-connections", name="Connections", signal="db-connections", indicator={}, threshold=80
    )
    fired = transition(alarm(platform, rule=rule), "alarm", at)
    claim = claim_transition(at=at, transition=fired)
    incident = Incident.objects.get()
    assert claim is not None
    runbook(platform, at=at, slug="s", title="Of the service", triggers={"services": ["web"]})
    first = runbook(platform, at=at, slug="a", title="Of the alarm", triggers={"alarms": ["db-connections"]})
    assert [match.runbook.title for match in runbooks_matching(incident)] == ["Of the alarm", "Of the service"]
    client = client_for(operator)
    page = client.get(incident.url, {"tab": "runbook"}).content.decode()
    assert page.index("Of the alarm") < page.index("Of the service")
    answer = client.post(f"{incident.url}runbook/", {"runbook": first.pk})
    assert answer.status_code == 303
    assert answer["Location"] == f"{incident.url}?tab=runbook"
    run = RunbookRun.objects.get()
    assert (run.subject, run.is_practice) == (incident.reference, False)
    page = client.get(incident.url, {"tab": "runbook"}).content.decode()
    assert f'id="runbook-run-{run.pk}"' in page
    sent = {"version": 1, "step": 1, "outcome": "done", "next": f"{incident.url}?tab=runbook"}
    done = client.post(f"/runbooks/runs/{run.pk}/step/", sent)
    assert done["Location"] == f"{incident.url}?tab=runbook"
    fragment = client.get(f"{incident.url}runbook/", headers={"HX-Request": "true"}).content.decode()
    assert fragment.strip().startswith("<section") or "Working pane" in fragment


def test_the_composer_begins_the_runbook_it_is_told(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    runbook(platform, at=at)
    runbook(platform, at=at, slug="slow-queries", title="Slow queries")
    client = client_for(operator)
    log = partial(client.post, f"{incident.url}log/")
    many = log({"text": "/runbook slow", "client_key": "a", "version": incident.version})
    assert many.status_code == 303  # the address says exactly this one
    assert RunbookRun.objects.get().runbook.title == "Slow answers"
    many = log({"text": "/runbook Slo", "client_key": "b", "version": incident.version})
    assert many.status_code == 422
    assert "write more of it" in many.content.decode()
    none = log({"text": "/runbook nothing like it", "client_key": "c", "version": incident.version})
    assert "No written runbook" in none.content.decode()


def test_a_closed_incident_is_offered_no_runbook(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor, client_for: ClientFor
) -> None:
    incident, by, client = declare(platform, by=SYSTEM, at=at), actor_for(operator), client_for(operator)
    fits = runbook(platform, at=at, triggers={"services": ["web"]})
    begin = f'action="{incident.url}runbook/"'
    assert begin in client.get(incident.url, {"tab": "runbook"}).content.decode()
    Incident.objects.filter(pk=incident.pk).update(state="closed", resolved_at=at, closed_at=at)
    incident.refresh_from_db()
    assert "runbook" not in acts_offered(by, incident)
    page = client.get(incident.url, {"tab": "runbook"}).content.decode()
    assert fits.title in page
    assert begin not in page
    with pytest.raises(IncidentError, match="is closed: reopen it"):
        runbook_start(by=by, at=at, incident=incident, runbook=fits)


def test_a_runbook_of_another_platform_is_refused(
    platform: Platform, other_platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    foreign = runbook(other_platform, at=at)
    with pytest.raises(IncidentError, match="another platform"):
        runbook_start(by=actor_for(operator), at=at, incident=incident, runbook=foreign)
    with pytest.raises(IncidentError, match="No written runbook"):
        runbook_meant(incident, "slow")


def test_the_run_of_a_restricted_incident_is_as_hidden_as_it(
    platform: Platform, at: datetime, operator: User, commander: User, viewer: User, actor_for: ActorFor,
    client_for: ClientFor,
) -> None:  # fmt: skip
    by = actor_for(commander)
    incident = declare(platform, by=by, at=at)
    written = runbook(platform, at=at)
    run = runbook_start(by=by, at=at, incident=incident, runbook=written)
    assert client_for(viewer).get(run.get_absolute_url()).status_code == 200
    incident.refresh_from_db()
    incident_restrict(by=by, at=at, incident=incident, expected=incident.version, is_restricted=True)
    for stranger in (viewer, operator):
        assert client_for(stranger).get(run.get_absolute_url()).status_code == 404
        assert incident.reference not in client_for(stranger).get(written.get_absolute_url()).content.decode()
        assert allowed_topics(actor_for(stranger), [f"runbook-run:{run.pk}"]) == []
        assert not RunbookRun.objects.visible_to(actor_for(stranger)).exists()
    assert client_for(commander).get(run.get_absolute_url()).status_code == 200
    assert IncidentRunbookRun.objects.visible_to(by).exists()


def test_practice_is_told_to_no_timeline(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    runbook(platform, at=at)
    client_for(operator).post("/runbooks/shop/slow/practice/")
    assert lines(incident) == []
