"""Two texts line by line: what was taken away, what was added."""

import difflib
from dataclasses import dataclass
from itertools import groupby
from typing import Final

MOST_LINES: Final = 4_000  # of both texts; the comparison's cost grows with their product


@dataclass(frozen=True, slots=True)
class Change:
    """Lines that belong together; `kind` is "+", "-", " " or "@", which stands for the lines left out before it.

    Each line of `text` begins with its sign, so that the change is told without colour.
    """

    kind: str
    text: str


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def compare(before: str, after: str) -> list[Change]:
    """What made `after` of `before`, with three unchanged lines around each change; nothing when they are the same.

    Texts too long to be compared stand whole, the one taken away, the other added.
    """
    if before != after and before.count("\n") + after.count("\n") > MOST_LINES:
        return [
            Change(sign, "\n".join(sign + line for line in _lines(text)))
            for sign, text in (("-", before), ("+", after))
            if text
        ]
    lines = list(difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=3))[2:]
    if lines and lines[0].startswith(("@@ -1 ", "@@ -1,", "@@ -0,")):
        lines = lines[1:]  # it begins where the text does: nothing is left out
    found = groupby(lines, key=lambda line: line[0])
    return [Change(kind, "\u2026" if kind == "@" else "\n".join(part)) for kind, part in found]
