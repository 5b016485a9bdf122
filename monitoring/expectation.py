"""When a job must have been heard of, and what its beats mean. Pure: no Django, no clock, no database.

A job is expected by the wall clock of a zone (cron text) or so long after it was last heard of. It is late once the
grace after that has passed, and it has failed when it says so or does not end within its longest time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opsportal.schedule.recurrence import Rule, next_slot

OK: Final = "ok"
ALARM: Final = "alarm"
UNKNOWN: Final = "unknown"
# A machine whose clock runs ahead beats a little before its time; that beat is this time's, not the last one's.
EARLY: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """`rule` by cron, or `every` so long after the last beat. `longest` zero: a run may take any time.

    `since`: what was heard earlier proves nothing, it was another expectation or before a pause.
    """

    since: datetime
    grace: timedelta
    rule: Rule | None = None
    every: timedelta = timedelta(0)
    longest: timedelta = timedelta(0)

    def due_after(self, heard_at: datetime) -> datetime | None:
        """When it is expected next; None when its rule never matches again."""
        if self.rule is None:
            return heard_at + self.every
        slot = next_slot(self.rule, heard_at + EARLY)
        return slot.at_utc if slot else None


@dataclass(frozen=True, slots=True)
class Heard:
    """The last end of a run and whether it was fine, and the beginning of one that has not ended."""

    ended_at: datetime | None = None
    ok: bool | None = None
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The state, since when, why, and when it must be looked at again unless a beat comes before."""

    state: str
    at: datetime
    reason: str
    look_at: datetime | None = None


def judge(expected: Expectation, heard: Heard, at: datetime) -> Judgement:
    """What is to be thought of the job at `at`. Never beaten is unknown, and so is what was heard before `since`."""
    began = heard.began_at if heard.began_at is not None and heard.began_at >= expected.since else None
    ends_by = began + expected.longest if began is not None and expected.longest else None
    if ends_by is not None and ends_by <= at:
        return Judgement(ALARM, ends_by, "It began and did not end within its longest time.")
    if heard.ended_at is None:
        never = "It was never heard of." if began is None else "It began and has not ended yet."
        return Judgement(UNKNOWN, at, never, ends_by)
    is_heard = heard.ended_at >= expected.since
    if is_heard and not heard.ok:
        return Judgement(ALARM, heard.ended_at, "It said that it failed.", ends_by)
    due_at = expected.due_after(max(heard.ended_at, expected.since))
    late_at = due_at + expected.grace if due_at is not None else None
    why = "was not heard of"
    if began is not None and (late_at is None or began <= late_at):
        why = "had not ended when the next one was due"
        late_at = ends_by or _next_after(expected, due_at)  # it is at work, begun in time
    if due_at is not None and late_at is not None and late_at <= at:
        return Judgement(ALARM, late_at, f"It was due at {due_at:%Y-%m-%d %H:%M} UTC and {why}.")
    if is_heard:
        return Judgement(OK, heard.ended_at, "It was heard of in time.", late_at)
    return Judgement(UNKNOWN, at, "It was not heard of since this was expected.", late_at)


def _next_after(expected: Expectation, due_at: datetime | None) -> datetime | None:
    """When a run of any length, begun for `due_at`, must have ended: until the next one must have begun."""
    following = expected.due_after(due_at) if due_at is not None else None
    return following + expected.grace if following is not None else None
