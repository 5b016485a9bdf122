"""What a line in the composer means: plain text is logged, a leading slash acts. Pure: no Django, no clock read."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from incidents.lifecycle import WORKING


class CommandError(ValueError):
    """The line is no command we know; the text says how it is written."""


@dataclass(frozen=True, slots=True)
class Command:
    """One line, understood. `name` is log or a name in USAGE."""

    name: str
    body: str = ""  # of a role: the hand-over note
    word: str = ""  # a stage, a role, an update's state
    person: str = ""
    is_internal: bool = False
    occurred_at: datetime | None = None
    reading: str = ""  # which time of day was taken, where it is not today's only one
    within: timedelta | None = None


_ENDS: Final = ("mitigated", "resolved")
_UPDATE_STATES: Final = ("investigating", "identified", "monitoring", "resolved")
_TIME: Final = re.compile(r"(\d{1,2})[:.](\d{2})(?:\s+|$)(.*)", re.DOTALL)
# A line is written down within the shift it happened in; what is older is given with its date.
_LONGEST_AGO: Final = timedelta(hours=12)
_SPAN: Final = re.compile(r"(?:^|\s)(\d{1,4})\s?(m|min|h|d)$", re.IGNORECASE)
_AGO: Final = re.compile(r"-(\d{1,4})\s?(m|min|h)\s+(.*)", re.IGNORECASE | re.DOTALL)
_BY: Final = re.compile(r"(?:^|\s)by\s+(\d{1,2})[:.](\d{2})$", re.IGNORECASE)
_UNIT: Final = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
USAGE: Final = {
    "at": "/at 14:32 what happened then, or /at -10m",
    "assign": "/assign @name makes that person commander, /assign @name: with a hand-over note",
    "decision": "/decision what was decided and why",
    "metric": "/metric name keeps that metric's graph as it is now",
    "pin": "/pin what everyone should see above the timeline; /pin 12 takes the line of that number",
    "role": "/role scribe takes a role, /role scribe @name: note gives it",
    "runbook": "/runbook name begins that runbook",
    "severity": "/severity P1 why (a milder one needs its reason)",
    "status": "/status respond (or assess, communicate, resolve, mitigated, resolved)",
    "task": "/task what is to be done @name 15m, or by 14:32; or /task @name: what",
    "update": "/update identified what people should know; /update internal … tells colleagues only",
}


def _first(text: str) -> tuple[str, str]:
    head, _, rest = text.strip().partition(" ")
    return head, rest.strip()


def _named(text: str) -> tuple[str, str]:
    """The person and the hand-over note behind a colon."""
    person, _, note = text.strip().removeprefix("@").partition(":")
    return person.strip(), note.strip()


def _refuse(name: str) -> CommandError:
    return CommandError(f"Write {USAGE[name]}.")


def _at(rest: str, now: datetime, zone: str) -> Command:
    ago = _AGO.match(rest)
    if ago is not None and ago[3].strip():
        before = timedelta(**{_UNIT[ago[2].lower()]: int(ago[1])})
        if before > _LONGEST_AGO:
            raise CommandError("That is more than 12 hours back, and a line reaches no further.")
        return Command("log", body=ago[3].strip(), occurred_at=now - before)
    found = _TIME.match(rest)
    if found is None or not found[3].strip():
        raise _refuse("at")
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise CommandError(f"{found[1]}:{found[2]} is no time of day.")
    day = now.astimezone(ZoneInfo(zone)).date()
    # A time of day still to come means yesterday's: shortly after midnight people log what was before it.
    for date in (day, day - timedelta(days=1)):
        moments = _moments(datetime.combine(date, time(hour, minute)), zone)
        if date == day and not moments:
            raise CommandError(f"The clocks went forward over {found[1]}:{found[2]}: today does not have it.")
        when = max((moment for moment in moments if moment <= now), default=None)
        if when is not None and (date == day or now - when <= _LONGEST_AGO):
            said = f"{found[1]}:{found[2]} of yesterday, {date:%d %b}, is meant." if date != day else ""
            said = " ".join(filter(None, (said, _reading(when, zone, moments))))
            return Command("log", body=found[3].strip(), occurred_at=when, reading=said)
    raise CommandError(f"{found[1]}:{found[2]} is still to come. Write it when it has happened.")


def _moments(local: datetime, zone: str) -> set[datetime]:
    """When it is that time there: twice in the hour that autumn repeats, never in the one that spring leaves out."""
    both = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    return {moment for moment in both if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local}


def _reading(when: datetime, zone: str, moments: set[datetime]) -> str:
    """Which of two was taken."""
    if len(moments) == 1:
        return ""
    local = when.astimezone(ZoneInfo(zone))
    which, offset = ("second" if local.fold else "first"), f"{local:%z}"
    return f"{local:%H:%M} came twice; the {which} is meant, UTC{offset[:3]}:{offset[3:]}."


def _status(rest: str) -> Command:
    word, note = _first(rest)
    word = word.lower()
    if word not in (*_ENDS, *(stage.value for stage in WORKING)):
        raise _refuse("status")
    return Command("status", body=note, word=word)


def _update(rest: str) -> Command:
    word, text = _first(rest)
    is_internal = word.lower() == "internal"
    if is_internal:
        word, text = _first(text)
    state = word.lower()
    if state not in _UPDATE_STATES:
        state, text = "investigating", f"{word} {text}".strip()
    if not text:
        raise _refuse("update")
    return Command("update", body=text, word=state, is_internal=is_internal)


def _role(rest: str) -> Command:
    word, person = _first(rest)
    if not word:
        raise _refuse("role")
    name, note = _named(person)
    return Command("role", word=word.lower(), person=name, body=note)


def _span(text: str) -> tuple[str, timedelta | None]:
    """The text without the span at its end, and the span."""
    found = _SPAN.search(text)
    if found is None:
        return text, None
    return text[: found.start()].strip(), timedelta(**{_UNIT[found[2].lower()]: int(found[1])})


def _until(text: str, now: datetime, zone: str) -> tuple[str, timedelta | None]:
    """The text without `by 14:32` at its end, and how long it is until that time of day comes next."""
    found = _BY.search(text)
    if found is None:
        return text, None
    hour, minute = int(found[1]), int(found[2])
    if hour > 23 or minute > 59:
        raise CommandError(f"{found[1]}:{found[2]} is no time of day.")
    today = now.astimezone(ZoneInfo(zone)).date()
    days = (today + timedelta(days=ahead) for ahead in range(3))
    times = (_moments(datetime.combine(day, time(hour, minute)), zone) for day in days)
    return text[: found.start()].strip(), min(when for day in times for when in day if when > now) - now


def _task(rest: str, now: datetime, zone: str) -> Command:
    text, within = _until(rest.strip(), now, zone)
    if within is None:
        text, within = _span(text)
    title, at_sign, person = text.rpartition("@")
    if not at_sign or (title and not title[-1].isspace()):
        title, person = text, ""
    title = title.strip()  # empty: the person comes first, and who that is, only the platform's members tell
    if within is None:
        title, within = _until(title, now, zone)
    if within is None:
        title, within = _span(title)
    if not title and " " not in person.strip():
        raise _refuse("task")
    return Command("task", body=title, person=person.strip(), within=within)


def _simple(name: str, rest: str) -> Command:
    """A command whose argument is one text; where a severity's label ends, only the platform's scheme knows."""
    if name == "assign":
        person, note = _named(rest)
        return Command("assign", person=person, body=note)
    return Command(name, body=rest)


_PARSERS: Final = {"status": _status, "update": _update, "role": _role}


def parse(text: str, *, now: datetime, zone: str) -> Command:
    """Understand one line; `zone` is the person's, for `/at`. Raises CommandError with the way to write it."""
    line = text.strip()
    if not line.startswith("/"):
        return Command("log", body=text)
    name, rest = _first(line[1:])
    name = name.lower()
    if name == "at":
        return _at(rest, now, zone)
    if name == "task":
        return _task(rest, now, zone)
    if name in _PARSERS:
        return _PARSERS[name](rest)
    if name in ("severity", "assign", "decision", "metric", "pin", "runbook") and rest:
        return _simple(name, rest)
    if name in USAGE:
        raise _refuse(name)
    known = ", ".join(f"/{command}" for command in USAGE)
    raise CommandError(f"/{name} is no command. Known: {known}.")
