"""What a change leaves behind: timeline, clocks, notices, audit, one version more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from incidents.choices import ClockKind, EntryKind, IncidentRole, OutcomeChoice
from incidents.errors import CommandTakenError, IncidentError
from incidents.lifecycle import TimeOrderError, TransitionError
from incidents.models import Incident, IncidentAccess, IncidentClock, RoleAssignment, StatusUpdate, TimelineEntry
from incidents.services import (
    action_item_add,
    entry_correct,
    entry_log,
    incident_acknowledge,
    incident_advance,
    incident_close,
    incident_describe,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
    incident_restrict,
    incident_set_severity,
    incident_triage,
    role_assign,
    update_post,
)
from incidents.services.notices import tell_clock
from monitoring.models import Annotation
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.notifications.models import Notice
from opsportal.platforms.models import BusinessCalendar, Membership, Platform
from tests.factories.incidents import SYSTEM, clock_policy, declare, severity

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def by(actor_for: ActorFor, operator: User) -> Actor:
    return actor_for(operator)


def clock(incident: Incident, kind: str) -> IncidentClock:
    return IncidentClock.objects.filter(incident=incident, kind=kind).order_by("-round")[0]


def bodies(incident: Incident) -> list[str]:
    return list(TimelineEntry.objects.filter(incident=incident).order_by("number").values_list("body", flat=True))


def audited(incident: Incident) -> list[str]:
    rows = AuditEntry.objects.filter(obj_kind="incident", obj_id=str(incident.pk)).order_by("seq")
    return list(rows.values_list("verb", flat=True))


def test_declaring_takes_command_starts_clocks_tells_people_and_is_audited(
    platform: Platform, by: Actor, at: datetime, commander: User, viewer: User
) -> None:
    incident = declare(platform, by=by, at=at)
    assert incident.commander_id == by.user_id
    assert incident.acknowledged_at == at
    assert incident.stage == "assess"
    assert bodies(incident)[0].startswith("declared P1, found by team observation")
    assert clock(incident, "acknowledge").outcome == OutcomeChoice.MET
    update = clock(incident, "update")
    assert update.due_at == at + 30 * MINUTE
    assert update.source == "portal_default"
    assert "Bookstore" in update.source_text
    told = set(Notice.objects.values_list("user_id", flat=True))
    assert commander.pk in told
    assert viewer.pk not in told
    assert audited(incident) == ["incidents.incident.declared"]
    mark = Annotation.objects.get(kind="incident")
    assert (mark.ref, mark.starts_at, mark.ends_at) == (incident.reference, at, None)


def test_the_same_declare_key_opens_one_incident(platform: Platform, by: Actor, at: datetime) -> None:
    first = declare(platform, by=by, at=at, declare_key="abc")
    assert declare(platform, by=by, at=at + MINUTE, declare_key="abc").pk == first.pk
    assert Incident.objects.count() == 1


def test_an_incident_without_a_title_is_refused(platform: Platform, by: Actor, at: datetime) -> None:
    with pytest.raises(IncidentError, match="few words"):
        declare(platform, by=by, at=at, title=" \x00 ".replace("\x00", ""))


def test_clocks_follow_the_platforms_policy_and_keep_its_version(platform: Platform, by: Actor, at: datetime) -> None:
    policy = clock_policy(platform, "resolve", 240, source_text="Phase09 §2")
    clock_policy(platform, "respond", None, text="Immediate", source_text="Phase09 §2")
    clock_policy(platform, "acknowledge", None, source="not_in_guide")
    incident = declare(platform, by=SYSTEM, at=at)
    resolve = clock(incident, "resolve")
    policy.update_versioned(expected=1, minutes=1)
    resolve.refresh_from_db()
    assert (resolve.due_at, resolve.policy_version, resolve.rule_text) == (at + timedelta(hours=4), 1, "4 h")
    assert clock(incident, "respond").due_at is None
    assert not IncidentClock.objects.filter(incident=incident, kind="acknowledge").exists()


def test_a_business_hours_clock_stores_its_due_instant(platform: Platform, by: Actor, at: datetime) -> None:
    calendar = BusinessCalendar.objects.create(
        platform=platform,
        key="business-hours",
        name="Business hours",
        zone="Europe/Berlin",
        weekdays=[1, 2, 3, 4, 5],
        opens_at="09:00",
        closes_at="17:00",
    )
    calendar.refresh_from_db()
    clock_policy(platform, "respond", 240, calendar=calendar)
    incident = declare(platform, by=SYSTEM, at=at + timedelta(hours=5))
    respond = clock(incident, "respond")
    assert respond.due_at == datetime.fromisoformat("2026-03-11T10:00:00+00:00")
    assert respond.rule_text == "4 h in business hours"


def test_a_calendar_that_never_opens_stops_no_incident(platform: Platform, by: Actor, at: datetime) -> None:
    calendar = BusinessCalendar.objects.create(
        platform=platform, key="none", name="No hours", zone="UTC", weekdays=[], opens_at="09:00", closes_at="17:00"
    )
    clock_policy(platform, "resolve", 240, calendar=calendar)
    due_on = at.date() + timedelta(days=9)
    clock_policy(platform, "stakeholder", None, calendar=calendar, due_rule="next_sprint", due_on=due_on)
    incident = declare(platform, by=by, at=at)
    dated, endless = clock(incident, "stakeholder"), clock(incident, "resolve")
    assert dated.due_at is not None
    assert dated.warn_at is None
    assert endless.due_at is None
    assert endless.rule_text == "4 h in no hours, never due: its calendar opens too rarely"


def test_the_second_to_take_command_is_told_who_has_it(
    platform: Platform, by: Actor, at: datetime, actor_for: ActorFor, commander: User
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    taken = incident_acknowledge(by=by, at=at + MINUTE, incident=incident, expected=1)
    assert taken.acknowledged_at == at + MINUTE
    assert clock(incident, "acknowledge").outcome == OutcomeChoice.MET
    with pytest.raises(CommandTakenError, match="Operator took command first"):
        incident_acknowledge(by=actor_for(commander), at=at + 2 * MINUTE, incident=incident, expected=1)
    assert RoleAssignment.objects.filter(incident=incident).count() == 1
    again = incident_acknowledge(by=by, at=at + 3 * MINUTE, incident=incident, expected=1)
    assert again.acknowledged_at == at + MINUTE


def test_a_late_acknowledgement_is_missed_for_ever(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    incident_acknowledge(by=by, at=at + 15 * MINUTE, incident=incident, expected=1)
    assert clock(incident, "acknowledge").outcome == OutcomeChoice.MISSED


def test_every_change_needs_the_version_that_was_seen(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    stale = incident.version - 1
    for act in (
        lambda: incident_mitigate(by=by, at=at, incident=incident, expected=stale),
        lambda: incident_resolve(by=by, at=at, incident=incident, expected=stale),
        lambda: incident_advance(by=by, at=at, incident=incident, expected=stale, stage="respond"),
        lambda: incident_triage(
            by=by, at=at, incident=incident, expected=stale, answers={"users": {"answer": "yes", "note": ""}}
        ),
        lambda: incident_describe(by=by, at=at, incident=incident, expected=stale, changes={"cause": "x"}),
        lambda: incident_restrict(by=by, at=at, incident=incident, expected=stale, is_restricted=True),
    ):
        before = (bodies(incident), audited(incident))
        with pytest.raises(VersionConflictError):
            act()
        assert (bodies(incident), audited(incident)) == before


def test_worse_severity_restarts_clocks_and_milder_keeps_their_start(
    platform: Platform, by: Actor, at: datetime
) -> None:
    clock_policy(platform, "resolve", 60, label="P0")
    clock_policy(platform, "resolve", 240, label="P1")
    clock_policy(platform, "resolve", 1440, label="P2")
    incident = declare(platform, by=by, at=at, label="P1")
    version = incident.version
    worse = incident_set_severity(
        by=by, at=at + 10 * MINUTE, incident=incident, expected=version, severity=severity(platform, "P0"), why="all"
    )
    assert clock(incident, "resolve").due_at == at + 70 * MINUTE
    assert "P1 → P0: all" in bodies(incident)
    milder = partial(
        incident_set_severity, by=by, at=at + 20 * MINUTE, incident=incident, severity=severity(platform, "P2")
    )
    with pytest.raises(IncidentError, match="/severity P2 because"):
        milder(expected=worse.version, why=" ")
    milder(expected=worse.version, why="one shop only")
    assert clock(incident, "resolve").due_at == at + 10 * MINUTE + timedelta(days=1)
    assert IncidentClock.objects.filter(incident=incident, kind="resolve", stopped_at__isnull=True).count() == 1


def test_another_platforms_severity_is_refused(
    platform: Platform, other_platform: Platform, by: Actor, at: datetime
) -> None:
    incident = declare(platform, by=by, at=at)
    foreign = severity(other_platform, "P0")
    with pytest.raises(IncidentError, match="another platform"):
        incident_set_severity(by=by, at=at, incident=incident, expected=incident.version, severity=foreign)


def test_who_tells_people_early_still_responds_after_it(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    told = {"state": "investigating", "audience": "public", "body": "We look into it."}
    update_post(by=by, at=at + MINUTE, incident=incident, expected=incident.version, **told)
    incident.refresh_from_db()
    assert incident.stage == "assess"


def test_an_impact_to_come_is_refused_as_a_line_is(platform: Platform, by: Actor, at: datetime) -> None:
    to_come = at + timedelta(hours=1)
    for refused in (partial(declare, impact_started_at=to_come), partial(declare, detected_at=to_come)):
        with pytest.raises(IncidentError, match="still to come"):
            refused(platform, by=by, at=at)
    assert not Incident.objects.exists()


def test_each_update_meets_its_clock_and_starts_the_next(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    incident = incident_advance(by=by, at=at, incident=incident, expected=incident.version, stage="respond")
    update = update_post(
        by=by,
        at=at + 20 * MINUTE,
        incident=incident,
        expected=incident.version,
        state="investigating",
        audience="public",
        body="We look into it.",
    )
    incident.refresh_from_db()
    assert incident.stage == "communicate"
    first, second = IncidentClock.objects.filter(incident=incident, kind="update").order_by("round")
    assert (first.outcome, second.due_at) == (OutcomeChoice.MET, at + 50 * MINUTE)
    assert StatusUpdate.objects.get() == update
    assert any("**Investigating**" in body for body in bodies(incident))


def test_resolving_ends_working_clocks_starts_the_review_and_closes_the_mark(
    platform: Platform, by: Actor, at: datetime
) -> None:
    incident = declare(platform, by=by, at=at)
    mitigated = incident_mitigate(by=by, at=at + 10 * MINUTE, incident=incident, expected=incident.version)
    assert mitigated.stage == "resolve"
    done = incident_resolve(
        by=by, at=at + 20 * MINUTE, incident=incident, expected=mitigated.version, resolution="Pool raised"
    )
    assert (done.state, done.stage, done.resolution) == ("resolved", "document", "Pool raised")
    running = IncidentClock.objects.filter(incident=incident, stopped_at__isnull=True)
    assert [(row.kind, row.due_at) for row in running] == [("review", at + 20 * MINUTE + timedelta(hours=48))]
    assert Annotation.objects.get(ref=incident.reference).ends_at == at + 20 * MINUTE
    with pytest.raises(TransitionError, match="already resolved"):
        incident_resolve(by=by, at=at, incident=incident, expected=done.version)


def test_a_resolution_before_the_impact_is_refused(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    with pytest.raises(TimeOrderError, match="Resolved cannot be before impact started"):
        incident_resolve(by=by, at=at + MINUTE, incident=incident, expected=incident.version, resolved_at=at - MINUTE)
    with pytest.raises(IncidentError, match="still to come"):
        incident_resolve(
            by=by, at=at, incident=incident, expected=incident.version, resolved_at=at + timedelta(hours=1)
        )


def test_closing_needs_impact_cause_and_resolution_and_opens_the_review(
    platform: Platform, by: Actor, at: datetime
) -> None:
    incident = declare(platform, by=by, at=at)
    resolved = incident_resolve(by=by, at=at + MINUTE, incident=incident, expected=incident.version)
    with pytest.raises(IncidentError, match="Write impact and cause and resolution first"):
        incident_close(by=by, at=at + MINUTE, incident=incident, expected=resolved.version)
    texts = {"users_affected": "40, by the logs", "cause": "Pool of 10", "resolution": "Pool of 50"}
    told = incident_describe(by=by, at=at + MINUTE, incident=incident, expected=resolved.version, changes=texts)
    closed = incident_close(by=by, at=at + 2 * MINUTE, incident=incident, expected=told.version)
    assert closed.state == "closed"
    assert closed.review.state == "draft"
    assert clock(incident, ClockKind.REVIEW).stopped_at is None


def test_reopening_needs_a_reason_and_runs_the_clocks_again(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    resolved = incident_resolve(by=by, at=at + MINUTE, incident=incident, expected=incident.version)
    with pytest.raises(IncidentError, match="Say why"):
        incident_reopen(by=by, at=at + MINUTE, incident=incident, expected=resolved.version, why=" ")
    again = incident_reopen(by=by, at=at + 5 * MINUTE, incident=incident, expected=resolved.version, why="Back")
    assert (again.state, again.stage, again.resolved_at) == ("open", "respond", None)
    assert clock(incident, "update").due_at == at + 35 * MINUTE
    assert clock(incident, "review").outcome == OutcomeChoice.STOPPED


def test_correcting_a_time_needs_a_reason_and_keeps_the_old_one(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    earlier = {"impact_started_at": at - 10 * MINUTE}
    with pytest.raises(IncidentError, match="Say why"):
        incident_describe(by=by, at=at, incident=incident, expected=incident.version, changes=earlier)
    incident_describe(
        by=by, at=at, incident=incident, expected=incident.version, changes=earlier, why="first failed order"
    )
    assert "first failed order" in bodies(incident)[-1]
    assert Annotation.objects.get(ref=incident.reference).starts_at == at - 10 * MINUTE


def test_a_corrected_time_is_never_still_to_come(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    done = incident_resolve(by=by, at=at + MINUTE, incident=incident, expected=incident.version)
    for name in ("mitigated_at", "resolved_at"):
        times = {"resolved_at": at + 90 * MINUTE, name: at + 60 * MINUTE}
        with pytest.raises(IncidentError, match="still to come"):
            incident_describe(
                by=by, at=at + 2 * MINUTE, incident=done, expected=done.version, changes=times, why="typed wrong"
            )


def test_a_role_of_one_person_passes_on(
    platform: Platform, by: Actor, at: datetime, commander: User, stranger: User
) -> None:
    incident = declare(platform, by=by, at=at)
    passed = role_assign(
        by=by, at=at + MINUTE, incident=incident, expected=incident.version, role="commander", user_id=commander.pk
    )
    assert passed.commander_id == commander.pk
    held = RoleAssignment.objects.filter(incident=incident, role=IncidentRole.COMMANDER)
    assert [(row.user_id, row.renounced_at is None) for row in held.order_by("pk")] == [
        (by.user_id, False),
        (commander.pk, True),
    ]
    assert Notice.objects.filter(user=commander, kind="incident.role").count() == 1
    with pytest.raises(IncidentError, match="active member"):
        role_assign(by=by, at=at, incident=incident, expected=passed.version, role="scribe", user_id=stranger.pk)


def test_a_role_given_to_its_holder_says_so(platform: Platform, by: Actor, at: datetime, commander: User) -> None:
    incident = declare(platform, by=by, at=at)
    given = role_assign(by=by, at=at, incident=incident, expected=incident.version, role="scribe", user_id=commander.pk)
    with pytest.raises(IncidentError, match=f"{commander.name} is Scribe already, .*; log your note"):
        role_assign(
            by=by, at=at, incident=incident, expected=given.version, role="scribe", user_id=commander.pk, note="Since 9"
        )


def test_command_given_to_another_acknowledges(platform: Platform, by: Actor, at: datetime, commander: User) -> None:
    incident = declare(platform, by=SYSTEM, at=at, take_command=False)
    given = role_assign(
        by=by, at=at + MINUTE, incident=incident, expected=incident.version, role="commander", user_id=commander.pk
    )
    assert given.acknowledged_at == at + MINUTE
    assert not incident.clocks.filter(kind=ClockKind.ACKNOWLEDGE, stopped_at=None).exists()
    said = incident.entries.filter(kind="role").latest("number").body
    assert said.startswith("acknowledged after")
    assert said.endswith(f"gave Commander to {commander.name}")


def test_command_goes_only_to_who_can_use_it(platform: Platform, by: Actor, at: datetime, viewer: User) -> None:
    incident = declare(platform, by=by, at=at)
    with pytest.raises(IncidentError, match="A viewer may not command"):
        role_assign(by=by, at=at, incident=incident, expected=incident.version, role="commander", user_id=viewer.pk)


def test_a_line_sent_twice_is_stored_once_and_leaves_no_gap(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    first = entry_log(by=by, at=at, incident=incident, body="Errors", client_key="k1")
    assert entry_log(by=by, at=at + MINUTE, incident=incident, body="Errors", client_key="k1").pk == first.pk
    after = entry_log(by=by, at=at, incident=incident, body="Gone\x00")
    assert after.number == first.number + 1
    assert after.body == "Gone\N{REPLACEMENT CHARACTER}"
    with pytest.raises(IncidentError, match="Write what happened"):
        entry_log(by=by, at=at, incident=incident, body="  ")
    with pytest.raises(IncidentError, match="still to come"):
        entry_log(by=by, at=at, incident=incident, body="x", occurred_at=at + timedelta(hours=1))


def test_a_correction_supersedes_once_and_keeps_what_was_said(platform: Platform, by: Actor, at: datetime) -> None:
    incident = declare(platform, by=by, at=at)
    entry = entry_log(by=by, at=at, incident=incident, body="Eror")
    correction = entry_correct(by=by, at=at + MINUTE, entry=entry, body="Error")
    assert (correction.supersedes, correction.occurred_at) == (entry, entry.occurred_at)
    assert TimelineEntry.objects.get(pk=entry.pk).body == "Eror"
    with pytest.raises(IncidentError, match="corrected this entry first"):
        entry_correct(by=by, at=at, entry=entry, body="Errors")
    record = TimelineEntry.objects.filter(incident=incident, kind=EntryKind.STATE)[0]
    with pytest.raises(IncidentError, match="own record"):
        entry_correct(by=by, at=at, entry=record, body="never happened")


def test_a_restricted_incident_is_known_only_to_those_named_and_auditors(
    platform: Platform, by: Actor, at: datetime, actor_for: ActorFor, commander: User, admin: User, auditor: User
) -> None:
    incident = declare(platform, by=by, at=at, type="security")
    assert incident.is_restricted
    assert not Notice.objects.filter(user=commander).exists()
    assert Annotation.objects.get(ref=incident.reference).restricted
    incident_restrict(
        by=by, at=at, incident=incident, expected=incident.version, is_restricted=True, user_ids=[commander.pk]
    )
    seen = {
        who.name: Incident.objects.visible_to(actor_for(who)).filter(pk=incident.pk).exists()
        for who in (commander, admin, auditor)
    }
    assert seen == {"Commander": True, "Admin": False, "Auditor": True}


def test_nobody_learns_of_a_restricted_incident_by_being_given_work(
    platform: Platform, by: Actor, at: datetime, commander: User, admin: User, operator: User
) -> None:
    incident = declare(platform, by=by, at=at, type="security")
    expected = incident.version
    with pytest.raises(IncidentError, match="restricted"):
        role_assign(by=by, at=at, incident=incident, expected=expected, role="scribe", user_id=admin.pk)
    with pytest.raises(IncidentError, match="restricted"):
        action_item_add(by=by, at=at, incident=incident, title="Rotate keys", owner_id=admin.pk)
    named = incident_restrict(
        by=by, at=at, incident=incident, expected=expected, is_restricted=True, user_ids=[commander.pk, admin.pk]
    )
    role_assign(by=by, at=at, incident=named, expected=named.version, role="scribe", user_id=admin.pk)
    action_item_add(by=by, at=at, incident=incident, title="Rotate keys", owner_id=admin.pk)
    assert Notice.objects.filter(user=admin).count() == 2
    Membership.objects.filter(user__in=[admin, operator]).delete()
    tell_clock(clock(incident, "update"), at)
    told = Notice.objects.filter(kind="incident.clock").values_list("user_id", flat=True)
    assert list(told) == [commander.pk]  # the commander has left: who is left of those who may know of it


def test_who_passes_command_of_a_restricted_incident_on_goes_on_knowing_of_it(
    platform: Platform, by: Actor, at: datetime, actor_for: ActorFor, commander: User, admin: User
) -> None:
    incident = declare(platform, by=SYSTEM, at=at, type="security")
    Incident.objects.filter(pk=incident.pk).update(declared_by=admin)
    for user in (commander, admin):
        incident = Incident.objects.get(pk=incident.pk)
        if user == commander:
            IncidentAccess.objects.create(incident=incident, user=commander, named_at=at)
        role_assign(by=by, at=at, incident=incident, expected=incident.version, role="commander", user_id=user.pk)
        IncidentAccess.objects.filter(user=commander, named_by=None).delete()
    assert Incident.objects.get().commander_id == admin.pk
    assert Incident.objects.visible_to(actor_for(commander)).exists()
    assert IncidentAccess.objects.get().named_by_id == by.user_id


def test_the_app_role_cannot_rewrite_the_timeline(platform: Platform, by: Actor, at: datetime) -> None:
    from django.db import ProgrammingError, transaction

    incident = declare(platform, by=by, at=at)
    for act in (
        lambda: TimelineEntry.objects.filter(incident=incident).update(body="x"),
        lambda: TimelineEntry.objects.filter(incident=incident)._raw_delete("default"),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            act()
