"""What a public text leaves out: people, addresses, accounts, hosts, keys. Pure: no I/O, no Django.

It errs towards leaving out; a person reads the preview before anything is given away.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

# In this order: a key or an ARN holds what later patterns would cut to pieces.
_PATTERNS: Final = (
    ("key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bops_\d+_[\w-]{20,}|\bwhsec_[\w-]{20,}")),
    ("resource", re.compile(r"\barn:aws[\w-]*:[^\s,;)\]]+")),
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("host", re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:internal|local|lan|corp|amazonaws\.com)\b", re.IGNORECASE)),
    ("account", re.compile(r"\b\d{12}\b")),
)
_IPV6: Final = re.compile(r"(?<![\w:.])[0-9a-f:]{2,39}(?![\w:])", re.IGNORECASE)
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

    def cut(
        kind: str, pattern: re.Pattern[str], said: str, is_one: Callable[[str], bool] = lambda _found: True
    ) -> None:
        nonlocal text

        def replaced(found: re.Match[str]) -> str:
            if not is_one(found[0]):
                return found[0]
            removed[kind] += 1
            return said

        text = pattern.sub(replaced, text)

    for kind, pattern in _PATTERNS:
        cut(kind, pattern, f"[{kind}]")
    cut("address", _IPV6, "[address]", _is_ipv6)
    parts = {part for name in people for part in (name.strip(), *name.split()) if len(part) >= _SHORTEST_NAME}
    # Longest first: a full name is one person, not two.
    named = sorted(parts, key=lambda part: (-len(part), part))
    for flags, some in (
        (re.IGNORECASE, [part for part in named if len(part) >= _SHORTEST_IN_ANY_CASE]),
        (re.NOFLAG, [part for part in named if len(part) < _SHORTEST_IN_ANY_CASE]),
    ):
        if some:
            anyone = "|".join(map(re.escape, some))
            cut("person", re.compile(rf"(?<!\w)@?(?:{anyone})(?!\w)", flags), "a colleague")
    return Redacted(text, dict(removed))


def _is_ipv6(text: str) -> bool:
    """A clock's 14:32:07 has colons too."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
