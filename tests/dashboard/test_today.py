"""Today: what it shows, to whom, at what cost."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.services import incident_resolve, review_draft, review_publish, review_submit
from maintenance.models import LogKind, OperationsLogEntry
from monitoring.evidence.registry import check_title
from monitoring.models import AlarmState, Silence
from opsportal.accounts.models import User
from opsportal.core import clock
from opsportal.core.actor import Actor
from opsportal.dashboard.selectors import changed_column, due_column, now_column
from opsportal.platforms.models import Platform
from tests.factories.incidents import alarm, declare
from tests.factories.maintenance import PORTAL, checklist_run
from tests.factories.platforms import MembershipFactory
from tests.factories.today import everything, evidence, overdue_action, plan_of, restricted

ClientFor = Callable[..., Client]
ActorFor = Callable[..., Actor]
pytestmark = pytest.mark.django_db
QUERIES = 15
RAW_BYTES = 40_000
HTMX = {"HX-Request": "true"}


def _today(client: Client, **query: str) -> str:
    answer = client.get(reverse("dashboard:today"), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_day_says_so_in_every_block(client_for: ClientFor, viewer: User) -> None:
    page = _today(client_for(viewer))
    for words in ("No open incident", "Nothing fires", "No list is open", "No window ahead", "Nothing waits for you"):
        assert words in page
    assert "No note has been signed yet" in page


def test_every_block_shows_its_row(
    client_for: ClientFor, commander: User, viewer: User, platform: Platform, other_platform: Platform
) -> None:
    everything(platform, at=clock.now())
    page = _today(client_for(commander))
    for words in (
        "Checkout fails", "Alarm db", "Alarm unseen", "Morning", "Sunday window", "ANALYZE two tables",
        "Backups are fresh", "Watch the batch.", "web 2.4.1", "Cache emptied.",
    ):  # fmt: skip
        assert words in page, words
    # A plan waits for those who may decide on it, and for the platform they look at.
    assert "ANALYZE two tables" not in _today(client_for(viewer))
    MembershipFactory(platform=other_platform, user=commander, role="commander")
    assert "ANALYZE two tables" not in _today(client_for(commander), platform=other_platform.key)


def test_a_stranger_sees_nothing_of_it(client_for: ClientFor, stranger: User, platform: Platform) -> None:
    everything(platform, at=clock.now())
    page = _today(client_for(stranger))
    for words in (
        "Checkout fails",
        "Alarm db",
        "Sunday window",
        "ANALYZE",
        "Watch the batch.",
        "web 2.4.1",
        "Cache emptied",
    ):
        assert words not in page, words


def test_a_restricted_incident_leaks_by_no_row_count_or_colour(
    client_for: ClientFor, actor_for: ActorFor, commander: User, operator: User, platform: Platform
) -> None:
    at = clock.now()
    empty = _today(client_for(operator))
    secret = restricted(platform, by=actor_for(commander), at=at - timedelta(minutes=5), title="Breach of keys")
    overdue_action(secret, at=at - timedelta(days=3), title="Rotate the keys")
    resolved = restricted(platform, by=actor_for(commander), at=at - timedelta(minutes=4), title="Breach of mail")
    incident_resolve(by=actor_for(commander), at=at, incident=resolved, expected=resolved.version)
    review_draft(by=PORTAL, at=at, incident=resolved)
    known = _today(client_for(commander))
    assert "Breach of keys" in known
    assert "Rotate the keys" in known
    hidden = _today(client_for(operator))
    for words in ("Breach", secret.reference, resolved.reference, "Rotate"):
        assert words not in hidden, words
    rail = re.compile(r'<nav class="rail.*?</nav>|favicon[^"]*', re.DOTALL)
    assert rail.findall(hidden) == rail.findall(empty)


def test_the_chosen_platform_narrows_every_block(
    client_for: ClientFor, admin: User, platform: Platform, other_platform: Platform
) -> None:
    MembershipFactory.create(platform=other_platform, user=admin, role="viewer")
    everything(platform, at=clock.now())
    client = client_for(admin)
    assert "Checkout fails" in _today(client, platform=platform.key)
    page = _today(client, platform=other_platform.key)
    for words in (
        "Checkout fails",
        "Alarm db",
        "Morning",
        "Sunday window",
        "Watch the batch.",
        "web 2.4.1",
        "Cache emptied",
    ):
        assert words not in page, words


@pytest.mark.parametrize("part", ["now", "due", "changed"])
def test_a_column_refreshes_alone(client_for: ClientFor, viewer: User, platform: Platform, part: str) -> None:
    everything(platform, at=clock.now())
    client = client_for(viewer)
    answer = client.get(reverse("dashboard:today"), {"part": part}, headers=HTMX)
    text = answer.content.decode()
    assert f'id="today-{part}"' in text
    assert "<html" not in text
    assert sum(f'id="today-{name}"' in text for name in ("now", "due", "changed")) == 1
    assert "<html" in _today(client, part="nonsense")


@pytest.mark.parametrize("rows", [0, 1, 12])
def test_cost_does_not_grow_with_rows(client_for: ClientFor, viewer: User, platform: Platform, rows: int) -> None:
    at = clock.now()
    if rows:
        everything(platform, at=at)
    for n in range(1, rows):
        incident = declare(platform, by=PORTAL, at=at - timedelta(minutes=n), title=f"Fault {n}")
        overdue_action(incident, at=at - timedelta(days=3), title=f"Action {n}")
        alarm(platform, key=f"a{n}", signal=f"s{n}", state=AlarmState.ALARM)
        plan_of(platform, at=at, title=f"Plan {n}")
        evidence(platform, at=at - timedelta(minutes=n), name=f"check.{n}", verdict="warn")
        OperationsLogEntry.objects.create(platform=platform, at=at, kind=LogKind.NOTE, text=f"Line {n}")
    client = client_for(viewer)
    _today(client)  # the first look writes the session and the visit
    with CaptureQueriesContext(connection) as queries:
        page = _today(client)
    assert len(queries) <= QUERIES, "\n".join(query["sql"][:120] for query in queries)
    assert len(page.encode()) <= RAW_BYTES


def test_silenced_alarms_are_marked_and_not_counted_in_the_rail(
    actor_for: ActorFor, operator: User, platform: Platform, at: datetime
) -> None:
    alarms = [alarm(platform, key=key, signal=key, state=AlarmState.ALARM) for key in ("one", "two")]
    Silence.objects.create(
        platform=platform, alarm=alarms[0], starts_at=at, ends_at=at + timedelta(hours=1), reason="r", created_at=at
    )
    actor = actor_for(operator)
    column = now_column(actor, at, None)
    assert {row.key: row.is_silenced for row in column.firing.rows} == {"one": True, "two": False}
    assert column.silenced == 1
    assert now_column(actor, at + timedelta(hours=1), None).silenced == 0


def test_many_firing_alarms_hide_no_blind_one_and_are_counted_whole(
    actor_for: ActorFor, operator: User, platform: Platform, at: datetime
) -> None:
    for n in range(30):
        alarm(platform, key=f"a{n}", signal=f"s{n}", state=AlarmState.ALARM)
    alarm(platform, key="blind", signal="other", state=AlarmState.UNKNOWN)
    column = now_column(actor_for(operator), at, None)
    assert (column.firing.words, column.unseen.words) == ("12 of 30", "1")


def test_missed_lists_stand_above_open_ones(
    actor_for: ActorFor, operator: User, platform: Platform, at: datetime
) -> None:
    run = checklist_run(platform, at=at)
    missed = checklist_run_twin(platform, at=at - timedelta(hours=4))
    column = due_column(actor_for(operator), at, platform.pk)
    assert [row.pk for row in column.checklists] == [missed, run.pk]


def checklist_run_twin(platform: Platform, *, at: datetime) -> int:
    from maintenance.models import ChecklistTemplate
    from maintenance.services.checklists import checklist_run_miss, checklist_run_open

    run = checklist_run_open(by=PORTAL, at=at, template=ChecklistTemplate.objects.get(platform=platform), slot_at=at)
    checklist_run_miss(by=PORTAL, at=at + timedelta(hours=1), run=run)
    return int(run.pk)


def test_verified_shows_the_newest_answer_of_each_check(
    actor_for: ActorFor, operator: User, platform: Platform, at: datetime
) -> None:
    evidence(platform, at=at - timedelta(hours=2), verdict="fail")
    evidence(platform, at=at - timedelta(hours=1))
    evidence(platform, at=at - timedelta(hours=25), name="old.check")
    column = changed_column(actor_for(operator), at, None)
    assert [(row.title, row.verdict) for row in column.verified] == [("Backups are fresh", "ok")]
    assert (column.checks_ok, column.checks) == (1, 1)


def test_a_failed_check_is_seen_and_counted_behind_sixty_good_ones(
    actor_for: ActorFor, operator: User, platform: Platform, at: datetime
) -> None:
    for n in range(70):
        evidence(platform, at=at - timedelta(hours=1), name=f"check.{n:02}")
    evidence(platform, at=at - timedelta(hours=1), name="zone.transfer", verdict="fail")
    column = changed_column(actor_for(operator), at, None)
    assert column.verified[0].check_name == "zone.transfer"
    assert (column.checks_ok, column.checks) == (70, 71)


def test_what_is_younger_than_the_last_visit_is_marked(client_for: ClientFor, viewer: User, platform: Platform) -> None:
    at = clock.now()
    for hours, text in ((5, "Seen before."), (1, "Came later.")):
        OperationsLogEntry.objects.create(
            platform=platform, at=at - timedelta(hours=hours), kind=LogKind.NOTE, text=text
        )
    User.objects.filter(pk=viewer.pk).update(last_today_at=at - timedelta(hours=2))
    rows = re.findall(r"<tr>.*?</tr>", _today(client_for(viewer)), re.DOTALL)
    assert [">new<" in row for row in rows if "Came later." in row or "Seen before." in row] == [True, False]


def test_a_visit_lasts_half_an_hour(client_for: ClientFor, viewer: User) -> None:
    client = client_for(viewer)
    _today(client)
    viewer.refresh_from_db()
    first = viewer.last_today_at
    assert first is not None
    _today(client)
    viewer.refresh_from_db()
    assert (viewer.last_today_at, viewer.today_since) == (first, None)


def test_what_changed_since_the_last_visit_stays_through_the_visit(
    client_for: ClientFor, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, evening = client_for(viewer), clock.now()
    for hours, headers in ((0, {}), (14, HTMX), (14, {}), (14.3, {}), (14.7, {}), (15, {})):
        monkeypatch.setattr(clock, "now", lambda hours=hours: evening + timedelta(hours=hours))
        assert client.get(reverse("dashboard:today"), {"part": "now"}, headers=headers).status_code == 200
    viewer.refresh_from_db()
    assert viewer.today_since == evening
    assert viewer.last_today_at == evening + timedelta(hours=15)


def test_a_check_has_words_even_when_nobody_wrote_any() -> None:
    assert check_title("backup.fresh", {}) == "Backups are fresh"
    assert check_title("metric.within", {"service": "web", "metric": "latency"}) == "Metric within limits: latency"
    assert check_title("disk.free_space", {}) == "Disk free space"


def test_a_review_waits_for_whoever_may_publish_it_and_did_not_write_it(
    client_for: ClientFor,
    commander: User,
    admin: User,
    operator: User,
    platform: Platform,
    actor_for: Callable[..., Actor],
) -> None:
    at = clock.now()
    incident = declare(platform, by=actor_for(commander), at=at)
    incident = incident_resolve(by=actor_for(commander), at=at, incident=incident, expected=incident.version)
    review = review_draft(by=actor_for(commander), at=at, incident=incident)
    waiting = f"Read the review of {incident.reference}"
    assert waiting not in _today(client_for(admin))
    review = review_submit(by=actor_for(commander), at=at, review=review, expected=review.version)
    shown = {user.pk: waiting in _today(client_for(user)) for user in (commander, admin, operator)}
    assert shown == {commander.pk: False, admin.pk: True, operator.pk: False}
    review_publish(by=actor_for(admin), at=at, review=review, expected=review.version, note="Read")
    assert waiting not in _today(client_for(admin))
