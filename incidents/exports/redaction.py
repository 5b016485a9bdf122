"""What a public text leaves out: people, addresses, links, accounts, hosts, resources, keys. Pure: no I/O, no Django.

It errs towards leaving out; a person reads the preview before anything is given away.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from opsportal.core.masking import KINDS, NAMED, Kind

_SHORTEST_PART: Final = 3  # of a name; a shorter one is cut out of other words and tells nobody
# Scripts that put no space between words, and Korean, which hangs its particles on the name: 李明 stands in 由李明重启.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
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
# The hash that approvals name.
_PLAN: Final = Kind("plan", re.compile(r" ?\(plan [0-9a-f]{8}\)|(?<=\bplan) [0-9a-f]{8}\b"))
_MENTION: Final = Kind("person", re.compile(r"(?<![\w@])@\w[\w.-]*\b"))
_RUN: Final = re.compile(r"[^\W_](?:[\w./:-]*[^\W_])?")
_PARTS: Final = (re.compile(r"[/:]"), re.compile(r"[/:.]"))
_MOST_JOINED: Final = 10


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without them, and how many of each kind were left out."""

    text: str
    removed: Mapping[str, int]


def redact(
    text: str, people: Iterable[str], names: AbstractSet[str] = frozenset(), alarms: Iterable[str] = ()
) -> Redacted:
    """Replace what may not leave by a word for it.

    `people` are full names, whose parts count as well; `names` are those of resources, in lower case, of which a set
    may hold any number: each word of the text is looked up once. `alarms` are whole names, as they are written or not.
    """
    removed: Counter[str] = Counter()

    def cut(kind: Kind, said: str) -> None:
        nonlocal text
        text, count = kind.cut(text, said)
        if count:
            removed[kind.name] += count

    cut(_WHOLE[0], "")
    cut(_WHOLE[1], "[link]")
    if told := [re.escape(name) for name in sorted(alarms, key=len, reverse=True)]:
        cut(Kind("alarm", re.compile(rf"(?<!\w)(?:{'|'.join(told)})(?!\w)", re.IGNORECASE)), "an alarm")
    cut(_PLAN, "")
    for kind in (*NAMED, *KINDS, *_IDS):
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
    whole = {name.strip() for name in people} - {""}
    parts = whole | {part for name in whole for part in name.split() if len(part) >= _SHORTEST_PART}
    # Longest first: a full name is one person, not two.
    named = sorted(parts, key=lambda part: (-len(part), part))
    for flags, some in (
        (re.IGNORECASE, [part for part in named if not _only_as_written(part)]),
        (re.NOFLAG, [part for part in named if _only_as_written(part)]),
    ):
        if some:
            yield Kind("person", re.compile("|".join(map(_named, some)), flags))
    yield _MENTION


def _only_as_written(name: str) -> bool:
    """Whether the same letters are a word as well: `Will` may, `An` does stand in any sentence in lower case."""
    return name.lower() in _WORDS_TOO or len(name) < _SHORTEST_PART


def _named(name: str) -> str:
    """The name as a word of its own, where its script has such words."""
    before = "" if _UNSPACED.match(name[0]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(name[-1]) else r"(?!\w)"
    return f"{before}@?{re.escape(name)}{after}"
