"""What a public text leaves out: people, addresses, accounts, hosts, keys. Pure: no I/O, no Django.

It errs towards leaving out; a person reads the preview before anything is given away.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# In this order: a key or an ARN holds what later patterns would cut to pieces.
_PATTERNS: Final = (
    ("key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bops_\d+_[\w-]{20,}|\bwhsec_[\w-]{20,}")),
    ("resource", re.compile(r"\barn:aws[\w-]*:[^\s,;)\]]+")),
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b", re.IGNORECASE)),
    ("host", re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|corp|amazonaws\.com)\b", re.IGNORECASE)),
    ("account", re.compile(r"\b\d{12}\b")),
)
_SHORTEST_NAME: Final = 3


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without them, and how many of each kind were left out."""

    text: str
    removed: Mapping[str, int]


def redact(text: str, people: Iterable[str]) -> Redacted:
    """Replace what may not leave by a word for it; `people` are full names, whose parts count as well."""
    removed: Counter[str] = Counter()

    def cut(kind: str, pattern: re.Pattern[str], said: str) -> None:
        nonlocal text
        text, count = pattern.subn(said, text)
        if count:
            removed[kind] += count

    for kind, pattern in _PATTERNS:
        cut(kind, pattern, f"[{kind}]")
    names = {name.strip() for name in people}
    parts = {part for name in names for part in (name, *name.split()) if len(part) >= _SHORTEST_NAME}
    if parts:
        # Longest first: a full name is one person, not two.
        anyone = "|".join(re.escape(part) for part in sorted(parts, key=lambda part: (-len(part), part)))
        cut("person", re.compile(rf"(?<!\w)@?(?:{anyone})(?!\w)"), "a colleague")
    return Redacted(text, dict(removed))
