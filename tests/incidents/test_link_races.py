"""Merges that meet: each other, an alarm that attaches, an import that runs twice, two who settle one report."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from incidents.loops import claim_alarms
from incidents.models import AlarmClaim, Incident, TimelineEntry, UserReport
from incidents.services import incident_merge, report_add, report_answer, report_attach
from incidents.services.declare import Declaration, incident_declare
from opsportal.platforms.models import Platform
from tests.at_once import at_once
from tests.factories.incidents import SYSTEM, alarm, declare, transition

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_that_merge_each_into_the_other_one_stays(platform: Platform, at: datetime) -> None:
    for _ in range(4):
        one, two = declare(platform, by=SYSTEM, at=at), declare(platform, by=SYSTEM, at=at)
        merge = partial(incident_merge, by=SYSTEM, at=at)
        at_once(
            partial(merge, incident=one, expected=one.version, target=two),
            partial(merge, incident=two, expected=two.version, target=one),
        )
        states = sorted(Incident.objects.filter(pk__in=[one.pk, two.pk]).values_list("state", flat=True))
        assert states == ["closed", "open"]


def test_an_alarm_that_attaches_while_its_incident_is_merged_is_told_where_work_goes_on(
    platform: Platform, at: datetime
) -> None:
    for n in range(4):
        watched = alarm(platform, key=f"a{n}", signal=f"signal-{n}")
        transition(watched, "alarm", at)
        claim_alarms(at)
        opened = Incident.objects.get(signal=f"signal-{n}")
        target = declare(platform, by=SYSTEM, at=at)
        later = at + timedelta(minutes=1)
        transition(watched, "alarm", later)
        results = at_once(
            partial(claim_alarms, later),
            partial(incident_merge, by=SYSTEM, at=later, incident=opened, expected=opened.version, target=target),
        )
        assert not [result for result in results if isinstance(result, Exception)]
        claim = AlarmClaim.objects.filter(transition__alarm=watched).latest("pk")
        assert claim.outcome == "attached"
        closed_at = TimelineEntry.objects.get(incident=opened, body__startswith="closed as a duplicate").number
        if claim.incident_id == opened.pk:  # the alarm came first: its line stands above the merge
            assert opened.entries.filter(kind="alarm").latest("number").number < closed_at
        else:
            assert claim.incident_id == target.pk


def test_an_import_that_runs_twice_makes_one_incident(platform: Platform, at: datetime) -> None:
    declaration = Declaration(platform_id=platform.pk, title="x", external_source="jira", external_id="OPS-7")
    results = at_once(*[partial(incident_declare, by=SYSTEM, at=at, declaration=declaration)] * 4)
    assert {result.pk for result in results if isinstance(result, Incident)} == {Incident.objects.get().pk}
    assert len(results) == 4


def test_a_report_is_settled_by_one(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    report = report_add(by=SYSTEM, at=at, platform_id=platform.pk, text="slow", kind="fault", channel="phone")
    results = at_once(
        partial(report_attach, by=SYSTEM, at=at, report=report, incident=incident),
        partial(report_answer, by=SYSTEM, at=at, report=report, expected=1, answer="no"),
    )
    assert len([result for result in results if isinstance(result, UserReport)]) == 1
    assert UserReport.objects.get().version == 2
