"""What a public text leaves out: people, addresses, accounts, hosts, keys. Pure: no I/O, no Django.

It errs towards leaving out; a person reads the preview before anything is given away.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from opsportal.core.masking import KINDS, Kind

_SHORTEST_NAME: Final = 3
_SHORTEST_IN_ANY_CASE: Final = 5  # "will" and "mark" are words more often than people


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without them, and how many of each kind were left out."""

    text: str
    removed: Mapping[str, int]


def redact(text: str, people: Iterable[str]) -> Redacted:
    """Replace what may not leave by a word for it; `people` are full names, whose parts count as well."""
    removed: Counter[str] = Counter()

    def cut(kind: Kind, said: str) -> None:
        nonlocal text
        text, count = kind.cut(text, said)
        if count:
            removed[kind.name] += count

    for kind in KINDS:
        cut(kind, f"[{kind.name}]")
    parts = {part for name in people for part in (name.strip(), *name.split()) if len(part) >= _SHORTEST_NAME}
    # Longest first: a full name is one person, not two.
    named = sorted(parts, key=lambda part: (-len(part), part))
    for flags, some in (
        (re.IGNORECASE, [part for part in named if len(part) >= _SHORTEST_IN_ANY_CASE]),
        (re.NOFLAG, [part for part in named if len(part) < _SHORTEST_IN_ANY_CASE]),
    ):
        if some:
            anyone = "|".join(map(re.escape, some))
            cut(Kind("person", re.compile(rf"(?<!\w)@?(?:{anyone})(?!\w)", flags)), "a colleague")
    return Redacted(text, dict(removed))
