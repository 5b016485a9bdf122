"""When a job is late: by hand-made cases, and in every zone whose clock does odd things (M-CHK-14)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.expectation import ALARM, EARLY, OK, UNKNOWN, Expectation, Heard, judge
from opsportal.schedule.recurrence import Rule

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GRACE = 10 * MINUTE
NIGHTLY = Expectation(since=AT - timedelta(days=9), grace=GRACE, rule=Rule(cron="0 2 * * *", zone="UTC"))
OFTEN = Expectation(since=AT - timedelta(days=9), grace=MINUTE, every=5 * MINUTE)


def nightly(zone: str, cron: str = "30 2 * * *") -> Expectation:
    return Expectation(since=datetime(2020, 1, 1, tzinfo=UTC), grace=GRACE, rule=Rule(cron=cron, zone=zone))


def fine(at: datetime) -> Heard:
    return Heard(ended_at=at, ok=True)


def test_never_heard_of_is_unknown_however_long_ago_it_was_due() -> None:
    found = judge(NIGHTLY, Heard(), AT + timedelta(days=30))
    assert (found.state, found.look_at) == (UNKNOWN, None)


def test_it_is_late_once_the_grace_after_its_next_time_is_over() -> None:
    heard = fine(datetime(2026, 3, 10, 2, 4, tzinfo=UTC))
    due = datetime(2026, 3, 11, 2, 0, tzinfo=UTC)
    before = judge(NIGHTLY, heard, due + GRACE - timedelta(microseconds=1))
    assert (before.state, before.at, before.look_at) == (OK, heard.ended_at, due + GRACE)
    late = judge(NIGHTLY, heard, due + GRACE)
    assert (late.state, late.at, late.look_at) == (ALARM, due + GRACE, None)
    assert "due at 2026-03-11 02:00 UTC" in late.reason
    assert judge(NIGHTLY, fine(due + HOUR), due + HOUR).state == OK


def test_seconds_count_from_its_last_beat() -> None:
    assert judge(OFTEN, fine(AT), AT + 6 * MINUTE - EARLY).look_at == AT + 6 * MINUTE
    assert judge(OFTEN, fine(AT), AT + 6 * MINUTE).at == AT + 6 * MINUTE


def test_a_beat_a_little_early_is_that_of_the_time_that_follows() -> None:
    due = datetime(2026, 3, 11, 2, 0, tzinfo=UTC)
    assert judge(NIGHTLY, fine(due - EARLY), due).look_at == due + timedelta(days=1) + GRACE
    assert judge(NIGHTLY, fine(due - EARLY - timedelta(seconds=1)), due).look_at == due + GRACE


def test_a_failure_fires_at_once_until_it_ends_well() -> None:
    found = judge(OFTEN, Heard(ended_at=AT, ok=False), AT)
    assert (found.state, found.at, found.look_at) == (ALARM, AT, None)
    assert judge(OFTEN, Heard(AT, False, AT + MINUTE), AT + 2 * MINUTE).state == ALARM
    assert judge(OFTEN, fine(AT + 3 * MINUTE), AT + 3 * MINUTE).state == OK


def test_a_run_begun_in_time_is_not_late_before_its_longest_is_over() -> None:
    expected = Expectation(since=AT - HOUR, grace=MINUTE, every=5 * MINUTE, longest=30 * MINUTE)
    running = Heard(AT, True, AT + 5 * MINUTE)
    assert judge(expected, running, AT + 34 * MINUTE).state == OK
    found = judge(expected, running, AT + 35 * MINUTE)
    assert (found.state, found.at) == (ALARM, AT + 35 * MINUTE)
    begun_late = Heard(AT, True, AT + 7 * MINUTE)
    assert judge(expected, begun_late, AT + 8 * MINUTE).state == ALARM


def test_a_run_of_any_length_has_until_the_next_one_must_have_begun() -> None:
    daily = Expectation(since=AT - 5 * DAY, grace=5 * MINUTE, rule=Rule(cron="0 2 * * *", zone="UTC"))
    two = AT.replace(hour=2, minute=0)
    working = Heard(two - DAY + MINUTE, True, two + MINUTE)
    for later in (5 * MINUTE, 20 * HOUR):
        assert judge(daily, working, two + later).state == OK
    begun_anew = Heard(two - DAY + MINUTE, True, two + DAY + MINUTE)  # and the one before it never ended
    assert judge(daily, begun_anew, two + DAY + 2 * MINUTE).state == ALARM
    found = judge(daily, working, two + DAY + 5 * MINUTE)
    assert (found.state, found.at, "had not ended" in found.reason) == (ALARM, two + DAY + 5 * MINUTE, True)
    assert judge(daily, Heard(two - DAY, True, two + 6 * MINUTE), two + 7 * MINUTE).state == ALARM  # begun too late


def test_the_first_run_that_does_not_end_is_told_too() -> None:
    expected = Expectation(since=AT - HOUR, grace=MINUTE, every=HOUR, longest=10 * MINUTE)
    began = judge(expected, Heard(began_at=AT), AT + MINUTE)
    assert (began.state, began.reason) == (UNKNOWN, "It began and has not ended yet.")
    assert judge(expected, Heard(began_at=AT), AT + MINUTE).look_at == AT + 10 * MINUTE
    assert judge(expected, Heard(began_at=AT), AT + 10 * MINUTE).state == ALARM


def test_after_a_pause_old_beats_prove_nothing_and_its_next_time_counts() -> None:
    resumed = Expectation(since=AT, grace=MINUTE, every=5 * MINUTE)
    for heard in (fine(AT - HOUR), Heard(AT - HOUR, False)):
        found = judge(resumed, heard, AT + MINUTE)
        assert (found.state, found.look_at) == (UNKNOWN, AT + 6 * MINUTE)
        assert judge(resumed, heard, AT + 6 * MINUTE).state == ALARM


@pytest.mark.parametrize("zone, last, due", [
    # Spring forward: 02:30 does not exist, the first minute after the gap does.
    ("Europe/Berlin", "2026-03-28T01:30Z", "2026-03-29T01:00Z"),
    ("America/New_York", "2026-03-07T07:30Z", "2026-03-08T07:00Z"),
    # Half an hour: 02:00 becomes 02:30, which exists.
    ("Australia/Lord_Howe", "2026-10-02T16:00Z", "2026-10-03T15:30Z"),
    # Autumn: 02:30 comes twice, the first counts, and the second is no second time.
    ("Europe/Berlin", "2026-10-24T00:30Z", "2026-10-25T00:30Z"),
    ("Europe/Berlin", "2026-10-25T00:31Z", "2026-10-26T01:30Z"),
    # Quarter hours, and a day that Apia skipped whole: due when the next one begins.
    ("Asia/Kathmandu", "2026-03-09T20:45Z", "2026-03-10T20:45Z"),
    ("Pacific/Apia", "2011-12-29T12:30Z", "2011-12-30T10:00Z"),
])  # fmt: skip
def test_the_wall_clock_of_its_zone_says_when_it_is_due(zone: str, last: str, due: str) -> None:
    expected = Expectation(since=datetime(2000, 1, 1, tzinfo=UTC), grace=GRACE, rule=Rule(cron="30 2 * * *", zone=zone))
    heard = datetime.fromisoformat(last)
    assert judge(expected, fine(heard), heard).look_at == datetime.fromisoformat(due) + GRACE


_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia",
          "Asia/Tehran", "America/St_Johns", "Antarctica/Troll", "Africa/Cairo", "Pacific/Chatham")  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(zone=st.sampled_from(_ZONES), hour=st.integers(0, 23), minute=st.integers(0, 59), start=st.integers(0, 1100))
def test_who_beats_every_night_in_any_zone_is_never_late_and_who_stops_is_late_within_a_day(
    zone: str, hour: int, minute: int, start: int
) -> None:
    expected = nightly(zone, f"{minute} {hour} * * *")
    at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=start)
    due = expected.due_after(at)
    for _ in range(4):
        assert due is not None
        ended = due + MINUTE
        assert judge(expected, fine(ended), ended).state == OK
        following = expected.due_after(ended)
        assert following is not None
        # A day has 22.5 to 25.5 hours at the most where clocks jump; nobody skips or doubles one.
        assert timedelta(hours=22) <= following - due <= timedelta(hours=26)
        assert judge(expected, fine(ended), following + GRACE).state == ALARM
        due = following
