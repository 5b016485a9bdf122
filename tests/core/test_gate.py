"""The gate: each kind of cell, each kind of actor."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

import pytest

from opsportal.core import gate
from opsportal.core.actor import ANONYMOUS, Actor, system_actor
from opsportal.core.clock import real_now
from opsportal.core.gate import DeniedError, HiddenError, Rule, StaleMfaError, allows, authorize, platforms_where

ROLES = (*gate.ROLES, "portal_admin", "anonymous")


def _rule(action: str, *, scope: str = "", fresh: bool = False, **cells: str) -> Rule:
    return Rule(action, MappingProxyType({role: cells.get(role, "n") for role in ROLES}), scope, fresh)


@dataclass
class Row:
    platform_id: int
    owner: int = 0
    hidden_from: set[int] = field(default_factory=set)

    def is_visible_to(self, actor: Actor) -> bool:
        return actor.user_id not in self.hidden_from


@pytest.fixture(autouse=True)
def _rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    table = [
        _rule("t.row_view", scope="row:read", viewer="y", operator="y"),
        _rule("t.row_edit", scope="row:write", operator="y", commander="t_own"),
        _rule("t.row_erase", fresh=True, admin="y"),
        _rule("t.portal_edit", portal_admin="y"),
        _rule("t.page_open", anonymous="y"),
    ]
    monkeypatch.setattr(gate, "rules", lambda: {rule.action: rule for rule in table})
    gate.register_predicate(
        "t_own", lambda actor, obj: getattr(obj, "owner", None) == actor.user_id, who="who own it", how="Take it."
    )
    yield
    gate._predicates.pop("t_own")


def _user(role: str | None = None, **more: object) -> Actor:
    return Actor(kind="user", name="U", user_id=7, roles={1: role} if role else {}, **more)  # type: ignore[arg-type]


def test_yes_and_no() -> None:
    authorize(_user("operator"), "t.row_edit", Row(1))
    with pytest.raises(DeniedError):
        authorize(_user("viewer"), "t.row_edit", Row(1))


def test_a_refusal_says_who_may_and_how_one_could() -> None:
    with pytest.raises(DeniedError, match=r"^Only operators, and commanders who own it, may do this \(row edit\)\.$"):
        authorize(_user("viewer"), "t.row_edit", Row(1))
    with pytest.raises(DeniedError, match=r"\(row edit\)\. Take it\.$"):
        authorize(_user("commander"), "t.row_edit", Row(1, owner=8))


def test_predicate_decides_for_the_object_and_the_menu_gets_the_benefit_of_the_doubt() -> None:
    commander = _user("commander")
    assert allows(commander, "t.row_edit", Row(1, owner=7))
    assert not allows(commander, "t.row_edit", Row(1, owner=8))
    assert allows(commander, "t.row_edit")


def test_unknown_predicate_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "rules", lambda: {"t.x": _rule("t.x", viewer="no_such_predicate")})
    assert not allows(_user("viewer"), "t.x", Row(1))
    assert not allows(_user("viewer"), "t.x")


def test_action_without_a_row_is_denied() -> None:
    with pytest.raises(DeniedError, match="No rule allows"):
        authorize(_user("admin", is_portal_admin=True), "t.nothing_listed")


def test_row_of_another_platform_is_hidden_not_denied() -> None:
    with pytest.raises(HiddenError):
        authorize(_user("operator"), "t.row_view", Row(2))


def test_restricted_row_is_hidden_inside_the_platform() -> None:
    with pytest.raises(HiddenError):
        authorize(_user("operator"), "t.row_view", Row(1, hidden_from={7}))


def test_role_elsewhere_gives_nothing_here() -> None:
    both = Actor(kind="user", name="U", user_id=7, roles={1: "viewer", 2: "operator"})
    assert not allows(both, "t.row_edit", Row(1))
    assert allows(both, "t.row_edit", Row(2))


def test_portal_administrator_has_the_portals_column_only() -> None:
    portal = _user(is_portal_admin=True)
    assert allows(portal, "t.portal_edit", Row(5))
    with pytest.raises(HiddenError):
        authorize(portal, "t.row_edit", Row(5))


def test_nobody_gets_the_anonymous_column() -> None:
    assert allows(ANONYMOUS, "t.page_open")
    assert not allows(ANONYMOUS, "t.row_view")


def test_person_without_role_is_viewer_of_nothing() -> None:
    assert allows(_user(), "t.row_view")
    assert not allows(_user(), "t.row_edit")
    with pytest.raises(HiddenError):
        authorize(_user(), "t.row_view", Row(1))


def test_token_needs_the_scope_and_its_owners_right() -> None:
    def token(role: str, *scopes: str) -> Actor:
        return Actor(kind="token", name="T", user_id=7, token_id=1, roles={1: role}, scopes=frozenset(scopes))

    assert allows(token("operator", "row:write"), "t.row_edit", Row(1))
    assert not allows(token("operator", "row:read"), "t.row_edit", Row(1))
    assert not allows(token("viewer", "row:write"), "t.row_edit", Row(1))
    assert not allows(token("admin", "row:write"), "t.row_erase", Row(1))


def test_dangerous_act_asks_for_a_fresh_second_factor() -> None:
    with pytest.raises(StaleMfaError):
        authorize(_user("admin"), "t.row_erase", Row(1))
    with pytest.raises(StaleMfaError):
        authorize(_user("admin", mfa_at=real_now() - gate.MFA_FRESH_FOR - timedelta(seconds=1)), "t.row_erase", Row(1))
    authorize(_user("admin", mfa_at=real_now()), "t.row_erase", Row(1))
    assert allows(_user("admin"), "t.row_erase", Row(1))


def test_portal_itself_is_bound_by_nothing() -> None:
    authorize(system_actor("test.loop"), "t.nothing_listed", Row(9))


def test_a_form_offers_the_platforms_where_the_act_would_pass() -> None:
    person = Actor(kind="user", name="Ann", user_id=1, roles={1: "viewer", 2: "operator", 3: "admin"})
    assert platforms_where(person, "t.row_edit") == {2}
    assert platforms_where(person, "t.row_erase") == {3}  # the second factor is asked for at the act
    assert platforms_where(ANONYMOUS, "t.row_edit") == frozenset()
