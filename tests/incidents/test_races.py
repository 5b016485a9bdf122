"""Several people, several processes, one incident: one winner, no gap, no twin."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from time import sleep

import pytest
from django.db import transaction

from incidents.errors import CommandTakenError, IncidentError
from incidents.loops import claim_alarms, fire_clocks, remind_tasks
from incidents.models import (
    AlarmClaim,
    Attachment,
    Incident,
    IncidentClock,
    ResponseTask,
    Review,
    ReviewSection,
    RoleAssignment,
    SectionText,
    TimelineEntry,
)
from incidents.services import (
    entry_log,
    incident_acknowledge,
    incident_reopen,
    incident_resolve,
    incident_triage,
    review_draft,
    review_section_edit,
)
from incidents.services.attachments import MOST_FILES, attachment_add
from incidents.services.marks import entry_pin, entry_tag
from incidents.services.runbooks import runbook_start
from incidents.services.tasks import task_add, task_take
from opsportal.accounts.models import User
from opsportal.audit.models import AuditEntry
from opsportal.core.actor import Actor
from opsportal.core.models import VersionConflictError
from opsportal.knowledge.models import RunbookRun
from opsportal.notifications.models import Notice
from opsportal.platforms.models import Platform
from tests.at_once import at_once
from tests.factories.incidents import SYSTEM, alarm, declare, transition
from tests.factories.runbooks import runbook

ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_taking_command_one_wins_and_all_others_learn_who(
    platform: Platform, at: datetime, operator: User, commander: User, admin: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    results = at_once(
        *(
            partial(incident_acknowledge, by=actor_for(who), at=at, incident=incident, expected=1)
            for who in (operator, commander, admin)
        )
    )
    losers = [result for result in results if isinstance(result, CommandTakenError)]
    assert len(losers) == 2
    incident.refresh_from_db()
    assert incident.commander is not None
    assert {loser.name for loser in losers} == {incident.commander.name}
    assert RoleAssignment.objects.filter(incident=incident).count() == 1
    assert TimelineEntry.objects.filter(incident=incident, kind="role").count() == 1


def test_32_writers_leave_no_gap_and_no_duplicate(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    first = TimelineEntry.objects.filter(incident=incident).count()

    def write(writer: int) -> None:
        for n in range(4):
            # Each line is sent twice, as a phone on a train does.
            for _ in range(2):
                entry_log(by=by, at=at, incident=incident, body=f"{writer}.{n}", client_key=f"{writer}-{n}")

    assert at_once(*(partial(write, writer) for writer in range(32))) == [None] * 32
    rows = list(TimelineEntry.objects.filter(incident=incident).order_by("number").values_list("number", "body"))
    assert [number for number, _ in rows] == list(range(1, first + 32 * 4 + 1))
    assert len({body for _, body in rows[first:]}) == 32 * 4


def test_logging_and_changing_do_not_lock_each_other_out(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)

    def assess() -> None:
        for _ in range(6):
            current = Incident.objects.get(pk=incident.pk)
            answers = {"users": {"answer": "yes", "note": ""}}
            incident_triage(by=by, at=at, incident=current, expected=current.version, answers=answers)

    def log() -> None:
        for n in range(12):
            entry_log(by=by, at=at, incident=incident, body=f"line {n}")

    assert at_once(assess, log, log, log) == [None] * 4


def test_sources_of_one_fault_claimed_by_four_dispatchers_open_one_incident(
    platform: Platform, at: datetime, operator: User
) -> None:
    for n in range(8):
        transition(alarm(platform, key=f"a{n}", signal="db-connections"), "alarm", at + timedelta(seconds=n))

    def dispatch() -> int:
        return sum(claim_alarms(at + timedelta(minutes=1)) for _ in range(3))

    results = at_once(*[dispatch] * 4)
    while claim_alarms(at + timedelta(minutes=1)):
        continue
    assert not [result for result in results if isinstance(result, Exception)]
    assert Incident.objects.count() == 1
    outcomes = sorted(AlarmClaim.objects.values_list("outcome", flat=True))
    assert outcomes == ["attached"] * 7 + ["opened"]
    assert Notice.objects.filter(user=operator, kind="incident.opened").count() == 1


def test_a_clock_fires_once_for_three_dispatchers(platform: Platform, at: datetime, operator: User) -> None:
    for _ in range(5):
        declare(platform, by=SYSTEM, at=at)
    late = at + timedelta(minutes=16)
    results = at_once(*[partial(fire_clocks, late)] * 3)
    assert sum(result for result in results if isinstance(result, int)) == 5
    assert TimelineEntry.objects.filter(kind="clock").count() == 5
    assert IncidentClock.objects.filter(kind="acknowledge", fired_at=late).count() == 5


def test_acknowledging_while_its_clock_fires_is_nobodys_conflict(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident, late = declare(platform, by=SYSTEM, at=at), at + timedelta(minutes=16)
    by, fired = actor_for(operator), Event()

    def dispatch() -> None:
        with transaction.atomic():
            fire_clocks(late)
            fired.set()
            sleep(0.5)  # the acknowledgement waits for this commit

    def acknowledge() -> str:
        assert fired.wait(20)
        return str(incident_acknowledge(by=by, at=late, incident=incident, expected=incident.version).state)

    assert at_once(dispatch, acknowledge) == [None, "open"]
    clock = IncidentClock.objects.get(incident=incident, kind="acknowledge")
    assert (clock.outcome, clock.fired_at, clock.stopped_at) == ("missed", late, late)


def test_reopening_while_an_alarm_opens_another_for_its_signal_is_refused_by_name(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by, opened = actor_for(operator), Event()
    incident = declare(platform, by=by, at=at, signal="db-connections")
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)

    def dispatch() -> str:
        with transaction.atomic():
            other = declare(platform, by=SYSTEM, at=at, signal="db-connections")
            opened.set()
            sleep(0.5)  # the reopening sees no twin yet and waits for this commit
        return other.reference

    def reopen() -> object:
        assert opened.wait(20)
        return incident_reopen(by=by, at=at, incident=incident, expected=done.version, why="It is back")

    reference, refused = at_once(dispatch, reopen)
    assert isinstance(refused, IncidentError), refused
    assert str(reference) in str(refused)
    assert not TimelineEntry.objects.filter(incident=incident, body__startswith="reopened").exists()


def test_eight_writers_of_one_section_lose_nothing(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    done = incident_resolve(by=by, at=at, incident=incident, expected=incident.version)
    section_id = review_draft(by=by, at=at, incident=done).sections.get(key="lessons").pk

    def write(writer: int) -> int:
        accepted = 0
        for n in range(5):
            section = ReviewSection.objects.get(pk=section_id)
            try:
                body = f"{section.body}\n{writer}.{n}"
                review_section_edit(by=by, at=at, section=section, expected=section.version, body=body)
            except (VersionConflictError, IncidentError):
                continue
            accepted += 1
        return accepted

    accepted = at_once(*(partial(write, writer) for writer in range(8)))
    kept = ReviewSection.objects.get(pk=section_id).body.split()
    assert len(kept) == sum(result for result in accepted if isinstance(result, int)) > 0
    texts = list(SectionText.objects.filter(section_id=section_id).order_by("version"))
    assert [text.version for text in texts] == list(range(1, len(kept) + 2))
    assert [text.body.split() for text in texts] == [kept[:n] for n in range(len(kept) + 1)], "each save stays readable"


def test_a_task_is_taken_by_one_and_reminds_once(
    platform: Platform, at: datetime, operator: User, commander: User, admin: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    task = task_add(by=SYSTEM, at=at, incident=incident, title="Restart", within=timedelta(minutes=5))

    def take(who: User) -> object:
        mine = ResponseTask.objects.select_related("incident").get(pk=task.pk)
        return task_take(by=actor_for(who), at=at, task=mine, expected=1)

    results = at_once(*(partial(take, who) for who in (operator, commander, admin)))
    assert sum(isinstance(result, VersionConflictError) for result in results) == 2
    assert incident.entries.filter(body__startswith="took:").count() == 1
    late = at + timedelta(minutes=6)
    assert sum(result for result in at_once(*[partial(remind_tasks, late)] * 3) if isinstance(result, int)) == 1
    assert Notice.objects.filter(kind="incident.task", subject__contains="overdue").count() == 1


def test_marks_put_at_once_are_there_once(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    entry = entry_log(by=SYSTEM, at=at, incident=incident, body="a line")
    people = [actor_for(who) for who in (operator, commander)] * 4
    results = at_once(*(partial(entry_pin, by=by, at=at, entry=entry, on=True) for by in people))
    assert sorted(results) == [False] * 7 + [True]  # type: ignore[type-var]
    results = at_once(*(partial(entry_tag, by=by, at=at, entry=entry, word="pool", on=True) for by in people))
    assert sorted(results) == [False] * 7 + [True]  # type: ignore[type-var]


def test_of_many_files_at_the_limit_one_is_kept(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    incident, by = declare(platform, by=SYSTEM, at=at), actor_for(operator)
    for n in range(MOST_FILES - 1):
        attachment_add(by=by, at=at, incident=incident, name=f"{n}.txt", content=b"x")
    add = partial(attachment_add, by=by, at=at, incident=incident, name="last.txt", content=b"x")
    results = at_once(*[add] * 4)
    assert sum(isinstance(result, IncidentError) for result in results) == 3
    assert Attachment.objects.filter(incident=incident).count() == MOST_FILES
    numbers = list(incident.entries.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_8_writers_on_one_review_lose_nothing(
    platform: Platform, at: datetime, operator: User, actor_for: ActorFor
) -> None:
    """Four share one section, each of the others has its own; whoever is refused reads again and writes again."""
    by = actor_for(operator)
    incident = declare(platform, by=by, at=at)
    incident = incident_resolve(by=by, at=at + timedelta(minutes=9), incident=incident, expected=incident.version)
    review = review_draft(by=by, at=at + timedelta(minutes=10), incident=incident)
    keys = ("cause", "cause", "cause", "cause", "lessons", "lucky", "training", "prevention")
    before = {row.key: row.body for row in ReviewSection.objects.filter(review=review)}

    def write(writer: int) -> int:
        refused = 0
        for line in range(3):
            while True:
                section = ReviewSection.objects.get(review=review, key=keys[writer])
                body = f"{section.body}\n- {writer}.{line}"
                try:
                    review_section_edit(by=by, at=at, section=section, expected=section.version, body=body)
                    break
                except VersionConflictError:
                    refused += 1
        return refused

    results = at_once(*(partial(write, writer) for writer in range(8)))
    assert all(isinstance(result, int) for result in results), results
    written = {row.key: row for row in ReviewSection.objects.filter(review=review)}
    for key in set(keys):
        lines = {f"- {writer}.{line}" for writer in range(8) if keys[writer] == key for line in range(3)}
        body = written[key].body
        assert lines <= set(body.splitlines()), key
        assert body.startswith(before[key].strip() or "\n"), key
        assert written[key].version == 1 + len(lines), key
    current = Review.objects.get(pk=review.pk)
    assert current.version == review.version + 24, "a reader agrees to the version he read"
    assert AuditEntry.objects.filter(verb="incidents.review.edited").count() == 24


def test_of_two_who_begin_one_runbook_the_second_goes_on_with_the_first_ones_run(
    platform: Platform, at: datetime, operator: User, commander: User, actor_for: ActorFor
) -> None:
    written = runbook(platform, at=at)
    for _ in range(4):
        incident = declare(platform, by=SYSTEM, at=at)
        begin = partial(runbook_start, at=at, incident=incident, runbook=written)
        runs = at_once(*(partial(begin, by=actor_for(who)) for who in (operator, commander)))
        assert runs[0] == runs[1]
        assert RunbookRun.objects.filter(incident_link__incident=incident).count() == 1
