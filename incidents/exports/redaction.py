"""What a public text leaves out: people, addresses, links, accounts, hosts, resources, keys. Pure: no I/O, no Django.

It errs towards leaving out; a person reads the preview before anything is given away.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from opsportal.core.masking import KINDS, Kind

_SHORTEST_NAME: Final = 3
# Names and roles that are words as well: they count only as they are written.
_WORDS_TOO: Final = frozenset(
    re.findall(
        r"\w+",
        "admin amber angel april art auditor august bill bob chase commander dawn dean don drew faith frank gene grace"
        " grant guy hope ivy jack jade joy june lee lily long manager mark may miles operator pat penny price ray rich"
        " rob rose ruby sky sue summer viewer ward will wood young",
    )
)
# Before all others: what they would cut to pieces.
_WHOLE: Final = (
    Kind("link", re.compile(r"(?<=\])\([^()\s]*\)")),  # of Markdown: its words stay
    Kind("link", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s<>\"'`)\]]+", re.IGNORECASE)),
)
# What AWS calls its things: i-0abc…, db-ABC…, the 32 digits of a task.
_IDS: Final = (
    Kind("resource", re.compile(r"\b[a-z]{1,12}-(?=[a-f]*\d)(?:[0-9a-f]{17}|[0-9a-f]{8})\b")),
    Kind("resource", re.compile(r"\b(?:db|cluster)-[A-Z0-9]{26}\b|\becs-svc/\d+|\b[0-9a-f]{32}\b")),
    Kind("host", re.compile(r"\b(?:[a-z0-9-]+\.){2,}[a-z]{2,}\b(?!\()", re.IGNORECASE)),
)
_MENTION: Final = Kind("person", re.compile(r"(?<![\w@])@\w[\w.-]*\b"))
_RUN: Final = re.compile(r"[^\W_](?:[\w./:-]*[^\W_])?")
_PARTS: Final = (re.compile(r"[/:]"), re.compile(r"[/:.]"))
_MOST_JOINED: Final = 10


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without them, and how many of each kind were left out."""

    text: str
    removed: Mapping[str, int]


def redact(text: str, people: Iterable[str], names: AbstractSet[str] = frozenset()) -> Redacted:
    """Replace what may not leave by a word for it.

    `people` are full names, whose parts count as well; `names` are those of resources, in lower case, of which a set
    may hold any number: each word of the text is looked up once.
    """
    removed: Counter[str] = Counter()

    def cut(kind: Kind, said: str) -> None:
        nonlocal text
        text, count = kind.cut(text, said)
        if count:
            removed[kind.name] += count

    cut(_WHOLE[0], "")
    cut(_WHOLE[1], "[link]")
    for kind in (*KINDS, *_IDS):
        cut(kind, f"[{kind.name}]")
    if names:
        cut(Kind("resource", _RUN, lambda run: not names.isdisjoint(_forms(run))), "[resource]")
    for kind in _people(people):
        cut(kind, "a colleague")
    return Redacted(text, dict(removed))


def words_of(text: str) -> set[str]:
    """Everything in a text by which it may name a resource, in lower case."""
    return {form for run in _RUN.findall(text) for form in _forms(run)}


def _forms(run: str) -> Iterator[str]:
    """`shop/api-two:45` is all of itself, each part, and what hyphens join in it: a name with a tail is that name."""
    run = run.lower()
    yield run
    for parts in _PARTS:
        for part in parts.split(run):
            yield part
            pieces = part.split("-")
            for start in range(len(pieces) - 1):
                for end in range(start + 2, min(len(pieces), start + _MOST_JOINED) + 1):
                    yield "-".join(pieces[start:end])


def _people(people: Iterable[str]) -> Iterator[Kind]:
    parts = {part for name in people for part in (name.strip(), *name.split()) if len(part) >= _SHORTEST_NAME}
    # Longest first: a full name is one person, not two.
    named = sorted(parts, key=lambda part: (-len(part), part))
    for flags, some in (
        (re.IGNORECASE, [part for part in named if part.lower() not in _WORDS_TOO]),
        (re.NOFLAG, [part for part in named if part.lower() in _WORDS_TOO]),
    ):
        if some:
            anyone = "|".join(map(re.escape, some))
            yield Kind("person", re.compile(rf"(?<!\w)@?(?:{anyone})(?!\w)", flags))
    yield _MENTION
