"""A question in the language of CloudWatch Logs Insights, taken apart at its pipes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"\s*([A-Za-z]+|\S)")
# A slash begins a regular expression after `like`, `=~` or `parse FIELD`; elsewhere it divides.
_BEFORE_REGEX: Final = re.compile(r"(?:\blike|=~|^\s*parse\s+\S+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One command between two pipes, without comments. `line` counts from 1."""

    line: int
    text: str

    @property
    def command(self) -> str:
        """Its first word, as written."""
        found = _WORD.match(self.text)
        return found[1] if found else ""

    @property
    def rest(self) -> str:
        """What follows the command."""
        return self.text.strip()[len(self.command) :].strip()


def segments(text: str) -> list[Segment]:
    """The commands of a question, in order; one that is empty has no command. Comments (`#`) are left out."""
    found: list[Segment] = []
    line, first, held = 1, 0, ""
    for token in _tokens(text):
        if token == "|":  # noqa: S105 - a pipe
            found.append(Segment(first or line, held))
            first, held = 0, ""
        elif not token.startswith("#"):
            first = first or (line if token.strip() else 0)
            held += token
        line += token.count("\n")
    found.append(Segment(first or line, held))
    return found


def _tokens(text: str) -> Iterator[str]:
    """Single characters, but quoted texts, regular expressions and comments whole."""
    place, held = 0, ""
    while place < len(text):
        sign = text[place]
        end = place + 1
        if sign == "#":
            end = _until(text, "\n", place) - (1 if "\n" in text[place:] else 0)
        elif sign in "'\"`" or (sign == "/" and _BEFORE_REGEX.search(held)):
            end = _until(text, sign, place)
        token = text[place:end]
        held = "" if sign == "|" else held + token
        yield token
        place = end


def _until(text: str, sign: str, place: int) -> int:
    """The place after the next such sign that no backslash takes back; the end where there is none."""
    at = place + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == sign:
            return at + 1
        at += 1
    return len(text)
