"""The part of Logs Insights' language that saved questions use: fields, filter, stats, sort, limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from monitoring.insights.lint import errors_of
from monitoring.insights.text import Segment, segments

Row = dict[str, Any]
Test = Callable[[Mapping[str, Any]], bool]

_LIMIT: Final = 10_000
_LIKE: Final = re.compile(r"^([\w@.]+)\s+(not\s+)?(?:like|=~)\s+/(.*)/$", re.DOTALL)
_IN: Final = re.compile(r"^([\w@.]+)\s+in\s+\[(.*)\]$")
_COMPARED: Final = re.compile(r"^([\w@.]+)\s*(>=|<=|!=|=|>|<)\s*(.+)$")
_FIGURE: Final = re.compile(r"^(count|sum|avg|min|max)\(([\w@.*]*)\)(?:\s+as\s+(\w+))?$", re.IGNORECASE)
_BIN: Final = re.compile(r"^bin\((\d+)\s*(s|m|h|d)\)(?:\s+as\s+(\w+))?$", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_KNOWN: Final = ("fields", "display", "filter", "stats", "sort", "limit")


class MalformedError(ValueError):
    """The question is wrong, or asks what this simulator does not know."""


def stamp(at: int) -> str:
    """A time as Logs Insights writes it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}.000"


def check(text: str) -> None:
    """Raise MalformedError as StartQuery would."""
    if errors := errors_of(text):
        raise MalformedError(errors[0].text)
    for row in segments(text):
        if row.command.lower() not in _KNOWN:
            raise MalformedError(f"The simulator does not know {row.command}.")
    evaluate(text, [], _LIMIT)


def evaluate(text: str, rows: Iterable[Row], limit: int) -> tuple[list[dict[str, str]], int]:
    """The answer's rows as field → text, and how many lines matched. Each line has `at` (epoch s) and its fields."""
    found, size = list(rows), _LIMIT
    shown: list[str] = []
    sorts: list[tuple[str, bool]] = []
    matched: int | None = None
    for part in segments(text):
        name = part.command.lower()
        if name in ("fields", "display"):
            shown = ([] if name == "display" else shown) + [one.strip() for one in part.rest.split(",")]
        elif name == "filter":
            test = _test(part)
            found = [row for row in found if test(row)]
        elif name == "stats":
            matched = len(found)
            found, shown = _stats(part, found)
        elif name == "sort":
            sorts = [_order(one) for one in part.rest.split(",")]
        elif name == "limit":
            size = int(part.rest)
    for key, is_down in reversed(sorts or ([] if matched is not None else [("at", True)])):
        found = sorted(found, key=lambda row: _rank(row.get(key)), reverse=is_down)
    names = list(dict.fromkeys(shown)) or ["@timestamp", "@message"]
    answer = [{one: str(row[one]) for one in names if row.get(one) is not None} for row in found[: min(size, limit)]]
    return answer, len(found) if matched is None else matched


def _order(text: str) -> tuple[str, bool]:
    key, _, way = text.strip().partition(" ")
    return ("at" if key == "@timestamp" else key), way.strip().lower() == "desc"


def _rank(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (0, 0.0, str(value or ""))


def _test(part: Segment) -> Test:
    """Conditions joined by `and`, those by `or`; no brackets."""
    anyone = [[_condition(one.strip()) for one in _split(group, " and ")] for group in _split(part.rest, " or ")]
    return lambda row: any(all(test(row) for test in tests) for tests in anyone)


def _split(text: str, word: str) -> list[str]:
    """At that word, but not inside a regular expression."""
    pieces: list[str] = []
    for piece in re.split(word, text, flags=re.IGNORECASE):
        if pieces and pieces[-1].count("/") % 2:
            pieces[-1] += word + piece
        else:
            pieces.append(piece)
    return pieces


def _condition(text: str) -> Test:
    if like := _LIKE.match(text):
        name, negated, pattern = like[1], bool(like[2]), re.compile(like[3].replace("\\/", "/"))
        return lambda row: bool(pattern.search(str(row.get(name, "")))) != negated
    if among := _IN.match(text):
        name, values = among[1], {one.strip().strip("'\"") for one in among[2].split(",")}
        return lambda row: str(row.get(name)) in values
    if compared := _COMPARED.match(text):
        return _comparison(compared[1], compared[2], compared[3].strip().strip("'\""))
    raise MalformedError(f"The simulator does not understand: filter {text}")


def _comparison(name: str, sign: str, said: str) -> Test:
    def holds(row: Mapping[str, Any]) -> bool:
        value = row.get(name)
        if sign in ("=", "!="):
            return (str(value) == said) == (sign == "=") and value is not None
        if not isinstance(value, int | float):
            return False
        other = float(said)
        return {">": value > other, "<": value < other, ">=": value >= other, "<=": value <= other}[sign]

    return holds


def _stats(part: Segment, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    said, _, grouped = re.sub(r"\s+by\s+", "\0", part.rest, flags=re.IGNORECASE).partition("\0")
    figures = [_figure(one.strip()) for one in said.split(",")]
    groups = [_group(one.strip()) for one in grouped.split(",")] if grouped else []
    sets: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        sets.setdefault(tuple(pick(row) for _name, pick in groups), []).append(row)
    found: list[Row] = []
    for key, members in sorted(sets.items(), key=lambda item: tuple(map(str, item[0])), reverse=True):
        one = dict(zip((name for name, _pick in groups), key, strict=True))
        found.append(one | {name: work(members) for name, work in figures})
    return found, [*(name for name, _pick in groups), *(name for name, _work in figures)]


def _figure(text: str) -> tuple[str, Callable[[Sequence[Row]], float | None]]:
    said = _FIGURE.match(text)
    if said is None:
        raise MalformedError(f"The simulator does not understand: stats {text}")
    how, field, name = said[1].lower(), said[2], said[3] or text

    def work(rows: Sequence[Row]) -> float | None:
        if how == "count":
            return sum(field in ("", "*") or row.get(field) is not None for row in rows)
        values: list[float] = [row[field] for row in rows if isinstance(row.get(field), int | float)]
        if not values:
            return None
        total = sum(values)
        return {"sum": total, "avg": round(total / len(values), 4), "min": min(values), "max": max(values)}[how]

    return name, work


def _group(text: str) -> tuple[str, Callable[[Row], Any]]:
    if said := _BIN.match(text):
        step = int(said[1]) * _SECONDS[said[2].lower()]
        return said[3] or text, lambda row: stamp(int(row["at"]) // step * step)
    return text, lambda row: row.get(text)
