"""The permission gate: one function decides, one table says what it decides.

`docs/rbac.csv` is the single source of rights: a row per action, a column per role. A cell is `y`, `n`, or the
name of a predicate that an upper app registers. An action without a row is denied.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final, NamedTuple, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet

from opsportal.core.actor import Actor
from opsportal.core.clock import real_now

ROLES: Final = ("viewer", "manager", "auditor", "operator", "commander", "admin")
MFA_FRESH_FOR: Final = timedelta(minutes=15)
M = TypeVar("M", bound=Model)


class _OnPlatform(NamedTuple):
    """Something of a platform that is still to be made."""

    platform_id: int


Predicate = Callable[[Actor, object], bool]


class _Word(NamedTuple):
    """What a cell's word means, and how a refusal says it: `operators who …`, and what to do to be one of them."""

    holds: Predicate
    who: str
    how: str


_predicates: dict[str, _Word] = {}
_PEOPLE: Final = {
    "commander": "commanders",
    "admin": "administrators",
    "portal_admin": "portal administrators",
    "operator": "operators",
    "manager": "managers",
    "auditor": "auditors",
    "viewer": "viewers",
}


class DeniedError(Exception):
    """The actor may see the object but not do this to it (403)."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(reason)
        self.action = action
        self.reason = reason


class HiddenError(Exception):
    """The object does not exist as far as this actor may know (404)."""


class StaleMfaError(DeniedError):
    """The action is dangerous and the second factor was shown too long ago."""

    def __init__(self, action: str) -> None:
        super().__init__(action, "Confirm with your second factor first; nothing was changed.")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    action: str
    cells: Mapping[str, str]
    token_scope: str
    fresh_mfa: bool


def register_predicate(name: str, predicate: Predicate, *, who: str, how: str = "") -> None:
    """Let an upper app give a cell's word its meaning, e.g. `own` or `holds_command`.

    `who` continues a plural (`operators who hold command`), `how` is a sentence for one who could be among them.
    """
    _predicates[name] = _Word(predicate, who, how)


@cache
def rules() -> Mapping[str, Rule]:
    """The table by action."""
    with (settings.BASE_DIR / "docs" / "rbac.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["action"]: Rule(
                action=row["action"],
                cells={role: row[role] for role in (*ROLES, "portal_admin", "anonymous")},
                token_scope=row["token_scope"],
                fresh_mfa=row["mfa"] == "fresh",
            )
            for row in csv.DictReader(file)
        }


def roles_with(action: str) -> frozenset[str]:
    """The platform roles that may do `action` whatever it is done to."""
    return frozenset(role for role in ROLES if rules()[action].cells[role] == "y")


def _cell_allows(cell: str, actor: Actor, obj: object | None) -> bool:
    if cell in ("y", "n", ""):
        return cell == "y"
    word = _predicates.get(cell)
    # A predicate asks about one object; a menu that asks without one gets the benefit of the doubt.
    return word is not None and (obj is None or word.holds(actor, obj))


def _roles_for(actor: Actor, obj: object | None) -> frozenset[str]:
    platform_id = getattr(obj, "platform_id", None)
    if platform_id is None:
        # Whoever holds no role yet is a viewer of nothing: may sign out, set a theme, and see empty lists.
        return frozenset(actor.roles.values()) or frozenset({"viewer"})
    return frozenset(role for pid, role in actor.roles.items() if pid == platform_id)


def _is_visible(actor: Actor, obj: object) -> bool:
    platform_id = getattr(obj, "platform_id", None)
    if platform_id is not None and platform_id not in actor.roles:
        return False
    visible_to = getattr(obj, "is_visible_to", None)
    return visible_to is None or bool(visible_to(actor))


def _refusal(actor: Actor, action: str, obj: object | None) -> Exception | None:
    if actor.sees_all:
        return None
    rule = rules().get(action)
    if rule is None:
        return DeniedError(action, f"No rule allows {action}.")
    if actor.kind == "anonymous":
        return None if rule.cells["anonymous"] == "y" else DeniedError(action, "Sign in first.")
    if actor.kind == "token" and (not rule.token_scope or rule.token_scope not in actor.scopes):
        needs = rule.token_scope or "a person, never a token"
        return DeniedError(action, f"This token lacks the right for {action}: it needs {needs}.")
    portal = actor.is_portal_admin and rule.cells["portal_admin"] == "y"
    if obj is not None and not portal and not _is_visible(actor, obj):
        return HiddenError(action)
    granted = portal or any(_cell_allows(rule.cells[role], actor, obj) for role in _roles_for(actor, obj))
    if not granted and rule.cells["anonymous"] != "y":
        return DeniedError(action, _refusal_words(rule, _roles_for(actor, obj)))
    if rule.fresh_mfa and actor.kind == "user" and not _has_fresh_mfa(actor):
        return StaleMfaError(action)
    return None


def _refusal_words(rule: Rule, roles: Iterable[str]) -> str:
    """Who may, as the row says it, and how one of these roles could come to."""
    people: dict[str, list[str]] = {}
    for role, plural in _PEOPLE.items():
        cell = rule.cells[role]
        if cell == "y" or cell in _predicates:
            people.setdefault("" if cell == "y" else f" {_predicates[cell].who}", []).append(plural)
    groups = [f"{_listed(plurals)}{who}" for who, plurals in sorted(people.items())]
    said = f"Only {', and '.join(groups)}{',' if len(groups) > 1 else ''} may do this"
    said = said if groups else "Nobody may do this here"
    hows = {_predicates[rule.cells[role]].how for role in roles if rule.cells[role] in _predicates}
    what = rule.action.partition(".")[2].replace("_", " ")
    return " ".join([f"{said} ({what}).", *sorted(how for how in hows if how)])


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _has_fresh_mfa(actor: Actor) -> bool:
    return actor.mfa_at is not None and real_now() - actor.mfa_at <= MFA_FRESH_FOR


def authorize(actor: Actor, action: str, obj: object | None = None) -> None:
    """Refuse by exception unless the table allows `action` on `obj`.

    `obj` carries `platform_id` (and `is_visible_to(actor)` where rows hide); None asks for any platform.
    Raises HiddenError (404) or DeniedError (403).
    """
    refusal = _refusal(actor, action, obj)
    if refusal is not None:
        raise refusal


def permitted(actor: Actor, action: str, rows: QuerySet[M], **named: object) -> M:
    """The row that an address names, of those the actor may know, for `action`.

    Raises HiddenError (404) or DeniedError (403).
    """
    found = rows.filter(**named).first()
    if found is None:
        raise HiddenError(action)
    authorize(actor, action, found)
    return found


def allows(actor: Actor, action: str, obj: object | None = None) -> bool:
    """Whether `authorize` would pass; fresh MFA is asked for at the act, not in the menu."""
    refusal = _refusal(actor, action, obj)
    return refusal is None or isinstance(refusal, StaleMfaError)


def platforms_where(actor: Actor, action: str) -> frozenset[int]:
    """The ids of the platforms where `action` would pass: what a form may offer before the object exists."""
    return frozenset(pk for pk in actor.platform_ids if allows(actor, action, _OnPlatform(pk)))
