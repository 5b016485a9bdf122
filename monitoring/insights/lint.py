"""What is wrong with a question to Logs Insights, before it is asked and paid for. Pure (M-MET-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from monitoring.insights.text import Segment, segments

MOST_CHARACTERS: Final = 10_000  # what StartQuery takes
MOST_ROWS: Final = 10_000
COMMANDS: Final = frozenset(
    {
        "anomaly", "dedup", "diff", "display", "fields", "filter", "filterindex", "limit", "parse", "pattern", "sort",
        "stats", "unnest",
    }
)  # fmt: skip
_COMMENT: Final = re.compile(r"^\s*(--|//)")
_BY: Final = re.compile(r"\bby\b", re.IGNORECASE)
_ALIAS: Final = re.compile(r"\bas\s+(`[^`]+`|[\w.@-]+)\s*$", re.IGNORECASE)
_DIRECTION: Final = re.compile(r"\s+(?:asc|desc)\s*$", re.IGNORECASE)
_FROM_OUTSIDE: Final = {
    "source": "SOURCE is how a dashboard's widget or the shell names log groups; the portal hands them over beside the "
    "question: leave it out.",
    "unmask": "unmask shows what CloudWatch hides on purpose, and the portal's role may not: leave it out.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where. An error is refused; a warning is asked as it stands."""

    line: int
    level: Literal["error", "warning"]
    text: str


def lint_query(text: str) -> list[Finding]:
    """Every finding, from the top; none means that the portal would ask it."""
    if not text.strip():
        return [Finding(1, "error", "There is nothing to ask.")]
    found: list[Finding] = []
    if len(text) > MOST_CHARACTERS:
        found.append(Finding(1, "error", f"A question has at most {MOST_CHARACTERS:,} characters."))
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if sign := _COMMENT.match(line):
            said = f"“{sign[1]}” begins no comment in Logs Insights; “#” does."
            found.append(Finding(number, "error", said))
            lines[number - 1] = ""
    rows = segments("\n".join(lines))
    found += [finding for row in rows for finding in _of_command(row)]
    found += _after_stats(rows)
    return sorted(found, key=lambda finding: (finding.line, finding.level))


def errors_of(text: str) -> list[Finding]:
    """What is refused."""
    return [finding for finding in lint_query(text) if finding.level == "error"]


def _of_command(row: Segment) -> Iterator[Finding]:
    name = row.command.lower()
    if not name:
        yield Finding(row.line, "error", "Nothing stands between two pipes, or after the last one.")
    elif name in _FROM_OUTSIDE:
        yield Finding(row.line, "error", _FROM_OUTSIDE[name])
    elif name not in COMMANDS:
        yield Finding(row.line, "error", f"“{row.command}” is no command of Logs Insights.")
    elif name == "limit" and not (row.rest.isascii() and row.rest.isdigit() and 1 <= int(row.rest[:9]) <= MOST_ROWS):
        yield Finding(row.line, "error", f"limit takes a number from 1 to {MOST_ROWS:,}.")
    elif name in ("filter", "fields", "sort", "stats", "parse", "display") and not row.rest:
        yield Finding(row.line, "error", f"{name} says nothing.")


def _after_stats(rows: Sequence[Segment]) -> Iterator[Finding]:
    """Stats leaves its own figures and groups only: a sort by anything else does nothing."""
    left: list[str] = []
    for row in rows:
        name = row.command.lower()
        if name == "stats":
            left = _columns(row.rest)
        elif name == "sort" and left:
            for key in (_plain(_DIRECTION.sub("", part)) for part in _parts(row.rest)):
                if key not in map(_plain, left):
                    said = f"sort by {key} does nothing after stats, which leaves {', '.join(left)}."
                    yield Finding(row.line, "warning", said)


def _columns(text: str) -> list[str]:
    figures, _, groups = _cut_by(text)
    return [_named(part) for part in (*_parts(figures), *_parts(groups))]


def _cut_by(text: str) -> tuple[str, str, str]:
    found = _BY.search(text)
    return (text[: found.start()], "by", text[found.end() :]) if found else (text, "", "")


def _named(part: str) -> str:
    found = _ALIAS.search(part)
    return found[1].strip("`") if found else part.strip()


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text).strip("`").lower()


def _parts(text: str) -> list[str]:
    """At the commas that no bracket holds."""
    found, depth, held = [], 0, ""
    for sign in text:
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            found.append(held)
            held = ""
        else:
            held += sign
    return [part.strip() for part in (*found, held) if part.strip()]
