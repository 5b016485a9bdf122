"""What a line in the composer means."""

from datetime import UTC, datetime, timedelta

import pytest

from incidents.commands import CommandError, parse

NIGHT = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed, now, occurred",
    [
        ("/at 01:29 x", NIGHT, "2026-03-04T01:29"),
        ("/at 14:32 x", NIGHT, "2026-03-03T14:32"),
        ("/at 13:30 x", NIGHT, "2026-03-03T13:30"),
        ("/at 0:05 x", NIGHT.replace(hour=23), "2026-03-04T00:05"),
    ],
)
def test_a_time_of_day_is_todays_or_else_last_nights(typed: str, now: datetime, occurred: str) -> None:
    command = parse(typed, now=now, zone="UTC")
    assert (command.name, command.body) == ("log", "x")
    assert command.occurred_at == datetime.fromisoformat(f"{occurred}+00:00")
    is_yesterday = not occurred.startswith(f"{now:%Y-%m-%d}")
    assert command.reading == (f"{typed[4:9]} of yesterday, 03 Mar, is meant." if is_yesterday else "")


@pytest.mark.parametrize("typed", ["/at 13:29 x", "/at 02:00 x", "/at 01:31 x"])
def test_a_time_more_than_twelve_hours_back_on_the_day_before_is_refused(typed: str) -> None:
    with pytest.raises(CommandError, match="is still to come"):
        parse(typed, now=NIGHT, zone="UTC")


# Berlin goes from 03:00 CEST back to 02:00 CET at 01:00 UTC.
@pytest.mark.parametrize(
    "typed, now, occurred, reading",
    [
        ("/at 02:50 x", "01:10", "00:50", "the first is meant, UTC+02:00."),
        ("/at 02:05 x", "01:10", "01:05", "the second is meant, UTC+01:00."),
        ("/at 02:50 x", "02:10", "01:50", "the second is meant, UTC+01:00."),
        ("/at 01:50 x", "01:10", "23:50", ""),
    ],
)
def test_in_the_hour_that_comes_twice_the_latest_that_was_is_meant(
    typed: str, now: str, occurred: str, reading: str
) -> None:
    command = parse(typed, now=datetime.fromisoformat(f"2026-10-25T{now}+00:00"), zone="Europe/Berlin")
    day = "2026-10-24" if occurred > "12" else "2026-10-25"
    assert command.occurred_at == datetime.fromisoformat(f"{day}T{occurred}+00:00")
    assert command.reading.endswith(reading)
    assert bool(command.reading) == bool(reading)


def test_an_hour_that_spring_leaves_out_is_refused() -> None:
    with pytest.raises(CommandError, match="went forward over 02:30"):
        parse("/at 02:30 x", now=datetime(2026, 3, 29, 3, 0, tzinfo=UTC), zone="Europe/Berlin")


def test_a_line_may_say_how_long_ago_it_was_and_a_task_by_when_it_is_due() -> None:
    command = parse("/at -10m first customer call", now=NIGHT, zone="UTC")
    assert (command.body, command.occurred_at) == ("first customer call", NIGHT - timedelta(minutes=10))
    with pytest.raises(CommandError, match="more than 12 hours back"):
        parse("/at -13h x", now=NIGHT, zone="UTC")
    for typed in ("/task restart the pool @Otto by 04:00", "/task restart the pool by 04:00 @Otto"):
        command = parse(typed, now=NIGHT, zone="Europe/Berlin")
        assert (command.body, command.person) == ("restart the pool", "Otto")
        assert command.within == timedelta(minutes=90)
    assert parse("/task x by 01:30", now=NIGHT, zone="UTC").within == timedelta(days=1)
    first = parse("/task @Otto Operator restart the pool by 04:00", now=NIGHT, zone="Europe/Berlin")
    assert (first.body, first.person) == ("", "Otto Operator restart the pool")
    with pytest.raises(CommandError, match="is no time of day"):
        parse("/task x by 25:00", now=NIGHT, zone="UTC")
