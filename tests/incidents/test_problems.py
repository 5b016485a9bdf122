"""Problem records, users' reports, the queue: what stands beside incidents and becomes one, or not."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from incidents.errors import AlarmTakenError, IncidentError
from incidents.models import AlarmOwner, Incident, Problem, TimelineEntry, UserReport
from incidents.services import (
    alarm_own,
    incident_describe,
    incident_plan,
    incident_resolve,
    incident_restrict,
    problem_change,
    problem_link,
    problem_open,
    report_add,
    report_answer,
    report_attach,
)
from incidents.services.claims import claim_transition
from monitoring.models import Alarm, AlarmState
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.platforms.models import Contact, Platform, Service
from tests.chain import chain_last
from tests.factories.incidents import SYSTEM, alarm, declare, severity, transition

pytestmark = pytest.mark.django_db
ActorFor = Callable[..., Actor]
ClientFor = Callable[..., Client]
MINUTE = timedelta(minutes=1)


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def reported(platform: Platform, at: datetime, words: str = "Checkout hangs") -> UserReport:
    service = Service.objects.filter(platform=platform).first()
    return report_add(
        by=SYSTEM, at=at, platform_id=platform.pk, text=words, kind="fault", channel="phone", service=service,
        reporter="Ms Grün", reported_at=at - 10 * MINUTE,
    )  # fmt: skip


def test_a_problem_is_named_on_incidents_analysed_once_and_its_workaround_stands_on_each(
    platform: Platform, at: datetime, operator: User, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    first, second = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at)
    client = client_for(operator)
    form = {"version": first.version, "title": "The pool runs dry"}
    assert client.post(f"{first.url}problem/", form).status_code == 303
    problem = Problem.objects.get()
    assert (
        client.post(f"{second.url}problem/", {"version": second.version, "problem": problem.number}).status_code == 303
    )
    change = {"version": problem.version, "title": problem.title, "priority": "1", "state": "known_error"}
    refused = client.post(f"{problem.url}change/", change)
    assert refused.status_code == 422
    assert "A known error has a workaround" in refused.content.decode()
    change["workaround"] = "Restart the pool"
    assert client.post(f"{problem.url}change/", change).status_code == 303
    assert client.post(f"{problem.url}change/", change).status_code == 409
    for incident in (first, second):
        assert "Restart the pool" in text(client, incident.url)
    page = text(client_for(viewer), problem.url)
    assert first.reference in page
    assert second.reference in page
    assert "Save" not in page
    assert problem.reference in text(client, "/problems/?view=known")
    assert client_for(viewer).post(f"{problem.url}change/", change).status_code == 403
    assert client_for(stranger).get(problem.url).status_code == 404
    assert client.post(f"{first.url}problem/remove/").status_code == 303
    assert first.reference not in text(client, problem.url)


def test_a_problem_tells_of_no_restricted_incident(
    platform: Platform, at: datetime, operator: User, auditor: User, client_for: ClientFor
) -> None:
    secret = declare(platform, by=SYSTEM, at=at, title="Leaked key")
    secret = incident_restrict(
        by=SYSTEM, at=at, incident=secret, expected=secret.version, is_restricted=True, user_ids=[]
    )
    problem = problem_open(by=SYSTEM, at=at, platform_id=platform.pk, values={"title": "Keys in the repository"})
    problem_link(by=SYSTEM, at=at, incident=secret, expected=secret.version, problem=problem)
    assert "Leaked key" not in text(client_for(operator), problem.url)
    assert '<td class="n">0</td>' in text(client_for(operator), "/problems/")
    assert "Leaked key" in text(client_for(auditor), problem.url)


def test_a_solved_problem_says_what_it_was_and_when(platform: Platform, at: datetime) -> None:
    problem = problem_open(by=SYSTEM, at=at, platform_id=platform.pk, values={"title": "Slow disk"})
    values = {"title": "Slow disk", "state": "solved"}
    with pytest.raises(IncidentError, match="Write the analysis"):
        problem_change(by=SYSTEM, at=at, problem=problem, expected=1, values=values)
    solved = problem_change(by=SYSTEM, at=at, problem=problem, expected=1, values=values | {"analysis": "gp2"})
    assert solved.solved_at == at
    again = problem_change(by=SYSTEM, at=at, problem=solved, expected=2, values={"title": "Slow disk", "state": "open"})
    assert again.solved_at is None
    with pytest.raises(VersionConflictError):
        problem_change(by=SYSTEM, at=at, problem=problem, expected=1, values=values)


def test_any_member_records_a_report_and_it_waits_by_age(
    platform: Platform, at: datetime, viewer: User, stranger: User, client_for: ClientFor
) -> None:
    client = client_for(viewer)
    service = Service.objects.get(platform=platform)
    form = {"service": service.pk, "text": "Login fails since noon", "kind": "fault", "channel": "chat"}
    assert client.post("/user-reports/new/", form).status_code == 303
    report = UserReport.objects.get()
    assert "Login fails" in text(client, "/user-reports/")
    assert client.post(f"{report.url}answer/", {"version": 1, "answer": "x"}).status_code == 403
    assert client_for(stranger).get(report.url).status_code == 404
    assert "Login fails" not in text(client_for(stranger), "/user-reports/")


def test_a_report_turns_into_an_incident_that_quotes_it(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    report, client = reported(platform, at), client_for(operator)
    page = text(client, f"/incidents/declare/?from=report:{report.pk}")
    assert 'value="Checkout hangs"' in page
    form = {"from": f"report:{report.pk}", "title": "Checkout hangs", "service": report.service_id}
    assert client.post("/incidents/declare/", form).status_code == 303
    report.refresh_from_db()
    incident = Incident.objects.get()
    assert (report.state, report.incident) == ("incident", incident)
    said = TimelineEntry.objects.filter(incident=incident).values_list("body", flat=True)
    assert "attached a user's report by Ms Grün: Checkout hangs" in said
    assert incident.reference in text(client, report.url)
    assert client.post("/incidents/declare/", form).status_code == 303
    assert not TimelineEntry.objects.filter(incident=Incident.objects.latest("pk"), body__contains="Grün").exists()


def test_a_report_joins_an_incident_or_is_answered_once(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    one, two = reported(platform, at), reported(platform, at, "How do I pay?")
    incident, client = declare(platform, by=SYSTEM, at=at), client_for(operator)
    assert client.post(f"{one.url}attach/", {"version": 1, "number": incident.reference}).status_code == 303
    late = client.post(f"{one.url}answer/", {"version": 1, "answer": "no"})
    assert late.status_code == 422
    assert "Somebody dealt with this report already" in late.content.decode()
    assert client.post(f"{two.url}answer/", {"version": 1, "answer": ""}).status_code == 422
    assert client.post(f"{two.url}answer/", {"version": 1, "answer": "By card"}).status_code == 303
    assert "By card" in text(client, two.url)
    assert "How do I pay?" in text(client, "/user-reports/?view=settled")
    with pytest.raises(IncidentError, match="already"):
        report_attach(by=SYSTEM, at=at, report=two, incident=incident)
    with pytest.raises(IncidentError, match="already"):
        report_answer(by=SYSTEM, at=at, report=one, expected=2, answer="x")


def test_reports_and_problems_by_token(platform: Platform, token: object, client_for: ClientFor) -> None:
    client = client_for(token)
    body = {"platform": "shop", "text": "From the form of the web page", "channel": "other"}
    assert client.post("/api/v1/user-reports/", body, content_type="application/json").status_code == 201
    assert client.get("/api/v1/user-reports/").json()["results"][0]["text"] == body["text"]
    bad = client.post("/api/v1/user-reports/", body | {"service": "no"}, content_type="application/json")
    assert bad.status_code == 400
    problem = problem_open(
        by=SYSTEM, at=UserReport.objects.get().recorded_at, platform_id=platform.pk, values={"title": "x"}
    )
    assert client.get(f"/api/v1/problems/{problem.number}/").json()["reference"] == problem.reference
    assert len(client.get("/api/v1/problems/").json()["results"]) == 1


def test_mild_incidents_wait_in_the_queue_until_they_are_planned_work(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    mild = declare(platform, by=SYSTEM, at=at - timedelta(hours=5), label="P3", title="A typo")
    declare(platform, by=SYSTEM, at=at, label="P0", title="All is down")
    client = client_for(operator)
    page = text(client, "/incidents/queue/")
    assert "A typo" in page
    assert "All is down" not in page
    assert "A typo" in text(client, "/incidents/queue/?view=nobody")
    assert "A typo" not in text(client, "/incidents/queue/?view=mine")
    assert client.post(f"{mild.url}acknowledge/", {"version": mild.version}).status_code == 303
    assert "A typo" in text(client, "/incidents/queue/?view=mine")
    mild.refresh_from_db()
    plan = {"version": mild.version, "planned_for": "Sprint 12", "planned_url": "javascript:alert(1)"}
    assert client.post(f"{mild.url}plan/", plan).status_code == 422
    assert client.post(f"{mild.url}plan/", plan | {"planned_url": "https://t.example/7"}).status_code == 303
    assert "A typo" not in text(client, "/incidents/queue/")
    assert "Sprint 12" in text(client, "/incidents/queue/?view=planned")
    mild.refresh_from_db()
    incident_plan(by=SYSTEM, at=at, incident=mild, expected=mild.version, planned_for="")
    assert "A typo" in text(client, "/incidents/queue/")


def test_what_is_worked_on_now_is_not_planned(platform: Platform, at: datetime) -> None:
    bad = declare(platform, by=SYSTEM, at=at, label="P0")
    with pytest.raises(IncidentError, match="worked on now"):
        incident_plan(by=SYSTEM, at=at, incident=bad, expected=bad.version, planned_for="Sprint 12")
    incident_resolve(by=SYSTEM, at=at, incident=bad, expected=bad.version)
    with pytest.raises(IncidentError, match="nothing left to plan"):
        incident_plan(by=SYSTEM, at=at, incident=bad, expected=2, planned_for="Sprint 12")


def test_somebody_looks_after_a_firing_alarm_that_pages_nobody(
    platform: Platform, at: datetime, operator: User, commander: User, viewer: User, client_for: ClientFor
) -> None:
    quiet = alarm(
        platform, key="disk", signal="disk", state=AlarmState.ALARM, severity=severity(platform, "P2", "alert")
    )
    loud = alarm(platform, key="down", signal="down", state=AlarmState.ALARM)
    client, url = client_for(operator), f"/incidents/queue/alarms/{quiet.pk}/"
    page = text(client, "/incidents/queue/")
    assert quiet.name in page
    assert loud.name not in page
    for _ in range(2):
        assert client.post(url).status_code == 303
    assert AlarmOwner.objects.get().owner == operator
    assert quiet.name in text(client, "/incidents/queue/?view=mine")
    assert client_for(viewer).post(url).status_code == 403
    other = client_for(commander)
    refused = other.post(url)
    assert refused.status_code == 409
    assert f"{operator.name} looks after it since" in refused.content.decode()
    assert other.post(url, {"give_back": "1"}).status_code == 303
    assert AlarmOwner.objects.get().owner == operator  # only its owner gives it back
    page = text(other, "/incidents/queue/")
    assert "Give back" not in page
    assert f'name="instead_of" value="{operator.pk}"' in page
    assert other.post(url, {"instead_of": operator.pk}).status_code == 303
    assert AlarmOwner.objects.get().owner == commander
    assert client.post(url, {"instead_of": operator.pk}).status_code == 409
    assert other.post(url, {"give_back": "1"}).status_code == 303
    assert not AlarmOwner.objects.exists()


def test_who_looks_after_an_alarm_is_free_when_it_recovers(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    quiet = alarm(platform, key="disk", signal="disk", opens_incident=False, state=AlarmState.ALARM)
    by = actor_for(operator)
    claim_transition(transition=transition(quiet, "alarm", at), at=at)
    alarm_own(by=by, at=at, alarm=quiet)
    Alarm.objects.update(state=AlarmState.OK)
    with chain_last():
        claim_transition(transition=transition(quiet, "ok", at + MINUTE), at=at + MINUTE)
    assert not AlarmOwner.objects.exists()
    freed = AuditEntry.objects.filter(verb="incidents.alarm.owned").latest("pk")
    assert (freed.data, freed.actor_user_id) == ({"owner": None}, None)
    with pytest.raises(IncidentError, match="does not fire any more"):
        alarm_own(by=by, at=at + MINUTE, alarm=quiet)
    assert not AlarmOwner.objects.exists()


def test_who_took_an_alarm_that_fires_anew_keeps_it(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    quiet = alarm(platform, key="disk", signal="disk", opens_incident=False, state=AlarmState.ALARM)
    recovered = transition(quiet, "ok", at)
    alarm_own(by=actor_for(operator), at=at + MINUTE, alarm=quiet)  # it fires again before the recovery is dealt with
    claim_transition(transition=recovered, at=at + 2 * MINUTE)
    assert AlarmOwner.objects.get().owner == operator
    with pytest.raises(AlarmTakenError, match=r"10 Mar 10:01 CET"):  # the platform's zone
        alarm_own(by=actor_for(commander), at=at + 3 * MINUTE, alarm=quiet)


def test_an_incident_is_declared_from_an_alarm_and_later_ones_join_it(
    platform: Platform, at: datetime, operator: User, stranger: User, client_for: ClientFor
) -> None:
    watched = alarm(platform, opens_incident=False, state=AlarmState.ALARM, reason="88 > 80")
    client = client_for(operator)
    assert f"?from=alarm:{watched.pk}" in text(client, f"/monitoring/alarms/{watched.pk}/")
    page = text(client, f"/incidents/declare/?from=alarm:{watched.pk}")
    assert f'value="{watched.name}"' in page
    assert watched.name not in text(client_for(stranger), f"/incidents/declare/?from=alarm:{watched.pk}")
    form = {"from": f"alarm:{watched.pk}", "title": watched.name, "service": watched.service_id}
    form |= {"take_command": "on"}
    assert client.post("/incidents/declare/", form).status_code == 303
    incident = Incident.objects.get()
    assert (incident.signal, incident.commander) == (watched.signal, operator)
    twice = client.post("/incidents/declare/", form)
    assert twice.status_code == 422
    assert f"{incident.reference} is open for the same signal" in twice.content.decode()


def test_the_situation_shows_what_a_commander_looks_at_first(
    platform: Platform, at: datetime, operator: User, client_for: ClientFor
) -> None:
    Contact.objects.create(platform=platform, key="aws", name="AWS Support", duty="vendor", level=1)
    Contact.objects.create(platform=platform, key="first", name="Senior Engineer", duty="on_call", level=2)
    old = declare(platform, by=SYSTEM, at=at - timedelta(days=9), label="P3", title="Checkout pool exhausted")
    secret = declare(platform, by=SYSTEM, at=at - timedelta(days=8), type="security", title="Checkout pool leaked")
    declare(platform, by=SYSTEM, at=at - timedelta(days=7), label="P3", title="Backup late")
    incident_describe(by=SYSTEM, at=at, incident=old, expected=old.version, changes={"resolution": "Pool doubled"})
    alarm(platform, state=AlarmState.ALARM)
    incident, client = declare(platform, by=SYSTEM, at=at, title="Checkout fails, pool empty"), client_for(operator)
    assert f'hx-get="{incident.url}situation/"' in text(client, incident.url)
    page = text(client, f"{incident.url}situation/")
    for words in ("1\N{NO-BREAK SPACE}alarm firing", "Senior Engineer", old.title, "Pool doubled", "not read yet"):
        assert words in page
    for words in (secret.title, "Backup late", "AWS Support"):
        assert words not in page
