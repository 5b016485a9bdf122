"""The registry of checks. Each lives in the app that owns the data it reads: `<app>/evidence/…`, imported at start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final


class CheckDeclarationError(ValueError):
    """A check is declared twice."""


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may know: whose, with which parameters, at which (business) time."""

    platform_id: int
    params: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's answer. `fetched_at` is the age of the data behind it; verdict one of ok, warn, fail, unknown."""

    verdict: str
    summary: str
    fetched_at: datetime
    asked: Mapping[str, Any] = field(default_factory=dict)
    got: Mapping[str, Any] = field(default_factory=dict)


CheckFunction = Callable[[CheckContext], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check; `title` is what people read, `params` names what it takes and of which type."""

    name: str
    title: str
    params: Mapping[str, type]
    run: CheckFunction
    text: str


_registry: dict[str, Check] = {}
# Which parameter tells one use of a check from another.
_TELLING: Final = ("metric", "job", "database", "service")


def check(
    name: str, *, title: str, params: Mapping[str, type] | None = None
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check under a name such as `backup.fresh`. It reads rows or a database, never changes anything."""

    def register(run: CheckFunction) -> CheckFunction:
        if name in _registry:
            raise CheckDeclarationError(f"The check {name} is declared twice.")
        text = (run.__doc__ or name).strip().splitlines()[0]
        _registry[name] = Check(name=name, title=title, params=dict(params or {}), run=run, text=text)
        return run

    return register


def registered_checks() -> Mapping[str, Check]:
    """Every check by name."""
    return dict(sorted(_registry.items()))


def check_title(name: str, params: Mapping[str, Any]) -> str:
    """A check as people read it, with the parameter that tells it from its like; also one that is no longer known."""
    known = _registry.get(name)
    title = known.title if known else name.replace(".", " ").replace("_", " ").capitalize()
    which = next((str(params[key]) for key in _TELLING if params.get(key)), "")
    return f"{title}: {which}" if which else title
