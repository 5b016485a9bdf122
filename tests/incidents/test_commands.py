"""What a line in the composer means."""

from datetime import UTC, datetime

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


@pytest.mark.parametrize("typed", ["/at 13:29 x", "/at 02:00 x", "/at 01:31 x"])
def test_a_time_more_than_twelve_hours_back_on_the_day_before_is_refused(typed: str) -> None:
    with pytest.raises(CommandError, match="is still to come"):
        parse(typed, now=NIGHT, zone="UTC")
