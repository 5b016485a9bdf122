"""Every route × every identity × its methods equals docs/rbac.csv; a denied request writes nothing."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from opsportal.accounts.models import User
from opsportal.core.gate import ROLES, Rule, rules
from opsportal.platforms.models import Platform
from tests.conftest import client_of, member
from tests.factories.accounts import TokenPersona, UserFactory, token_persona
from tests.factories.platforms import platform_with_policy
from tests.rbac.objects import ROUTES, Case, Route

for _path in sorted(Path(__file__).parent.glob("*_objects.py")):
    import_module(f"tests.rbac.{_path.stem}")

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
MEMBERS: Final = ROLES
STRANGERS: Final = ("stranger", "other_admin")
IDENTITIES: Final = (*MEMBERS, "portal_admin", *STRANGERS, "token", "anonymous")
# A method that a view lacks is nobody's: those who may do most ask it, and nobody at all.
MOST: Final = ("admin", "portal_admin", "token", "anonymous")
REFUSED: Final = (401, 403, 404, 405)
# What any request may write, whoever asks: its own session, and a token's last use.
_HOUSEKEEPING: Final = re.compile(
    r'"(django_session|accounts_usersession|axes_\w+)"|"accounts_apitoken" SET "last_used'
)
_WRITES: Final = re.compile(r"^\s*(INSERT|UPDATE|DELETE|TRUNCATE)|audit_append|pg_notify", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """One view of the resolver."""

    name: str
    pattern: str
    view: Any

    @property
    def is_api(self) -> bool:
        return hasattr(self.view, "cls")

    @property
    def is_ours(self) -> bool:
        return self.is_api or hasattr(self.view, "action")

    def action(self, method: str) -> str | None:
        """The action of `method`, None when the view lacks the method."""
        if self.is_api:
            return dict(self.view.cls.actions).get(method)
        if hasattr(self.view, "action"):
            return str(self.view.action) if method in self.view.methods else None
        return settings.ROUTE_ACTIONS.get("admin:" if self.name.startswith("admin:") else self.name)


def _walk(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[Target]:
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry, pattern, inner)
        elif isinstance(entry, URLPattern):
            yield Target(f"{namespace}{entry.name}", pattern, entry.callback)


TARGETS: Final = {target.name: target for target in _walk(get_resolver()) if not target.name.startswith("admin:")}


def _parts(target: Target) -> bool:
    return "<" in target.pattern


def _verdict(target: Target, route: Route, identity: str, method: str) -> bool | None:
    """Whether the table allows it; None where a predicate or the route itself decides."""
    action = target.action(method)
    if action is None:
        return False
    rule = rules()[action]
    if "*" in route.free or identity in route.free:
        return None
    if rule.cells["anonymous"] == "y":
        return True
    if identity == "anonymous" or (identity == "token" and not target.is_api):
        return False
    return _signed_in_verdict(rule, route, identity)


def _signed_in_verdict(rule: Rule, route: Route, identity: str) -> bool | None:
    if identity in STRANGERS and route.owned == "platform":
        return False
    if identity == "portal_admin":
        cell = rule.cells["portal_admin"]
        if cell == "n" and route.owned != "platform":
            cell = rule.cells["viewer"]  # without a role: a viewer of nothing
    elif identity == "token":
        cell = rule.cells["operator"] if rule.token_scope in _operator_scopes() else "n"
    else:
        cell = rule.cells[{"stranger": "operator", "other_admin": "admin"}.get(identity, identity)]
    return {"y": True, "n": False}.get(cell)


def _operator_scopes() -> set[str]:
    return {rule.token_scope for rule in rules().values() if rule.token_scope and rule.cells["operator"] != "n"}


class _WriteLog:
    """Remembers every statement that changes rows."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql)
        if _WRITES.search(text) and not _HOUSEKEEPING.search(text):
            self.writes.append(text[:200])
        return execute(sql, params, many, context)


def _send(client: Client, method: str, url: str, data: Any, *, as_json: bool) -> Any:
    send = getattr(client, method.lower())
    if method == "GET":
        return send(url)
    return send(url, data, content_type="application/json") if as_json or method != "POST" else send(url, data)


def _is_refusal(answer: Any) -> bool:
    to_login = answer.status_code in (302, 303) and answer["Location"].startswith(reverse(settings.LOGIN_URL))
    return answer.status_code in REFUSED or to_login


@dataclass(frozen=True)
class Asking:
    """Whom the matrix asks as: a platform's key, and for each identity its row's id and a client of it."""

    platform_id: int
    clients: Mapping[str, tuple[int | None, Client]]


def _people() -> Asking:
    platform, other = platform_with_policy(key="shop", name="Shop"), platform_with_policy(key="other", name="Other")
    people: dict[str, User | TokenPersona | None] = {role: member(platform, role) for role in MEMBERS}
    people["portal_admin"] = UserFactory.create(email="portal@portal.example", is_portal_admin=True)
    people["stranger"], people["other_admin"] = member(other, "operator"), member(other, "admin")
    people["token"], people["anonymous"] = token_persona(member(platform, "operator", "robot")), None
    assert set(people) == set(IDENTITIES)
    users = {name: who.user if isinstance(who, TokenPersona) else who for name, who in people.items()}
    clients = {name: (user.pk if user else None, client_of(people[name])) for name, user in users.items()}
    return Asking(platform.pk, clients)


@pytest.fixture(scope="module")
def asking(django_db_setup: None, django_db_blocker: Any) -> Iterator[Asking]:
    """Made and signed in once for all routes of this file; nothing of it stays."""
    with django_db_blocker.unblock(), _undone():
        yield _people()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_route_answers_as_the_table_says(name: str, asking: Asking) -> None:
    target = TARGETS[name]
    route = ROUTES.get(name, Route())
    assert name in ROUTES or not _parts(target), f"register {name} in a tests/rbac/*_objects.py"
    shared = Case(Platform.objects.get(pk=asking.platform_id))
    faults: list[str] = []
    with _undone():
        url, data = _made(name, route, shared)
        if not shared.is_personal:
            for identity, (_, signed_in) in asking.clients.items():
                faults += _asked(target, route, identity, signed_in, url, data)
    if shared.is_personal:
        for identity, (user_id, signed_in) in asking.clients.items():
            with _undone():  # the rows of one identity go before those of the next are made
                who = User.objects.get(pk=user_id) if user_id else None
                url, data = _made(name, route, Case(shared.platform, who))
                faults += _asked(target, route, identity, signed_in, url, data)
    assert not faults, "\n".join(faults)


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _made(name: str, route: Route, case: Case) -> tuple[str, dict[str, Any]]:
    """The address and the data of a route's requests, once their rows are there."""
    return reverse(name, kwargs=dict(route.kwargs(case))), dict(route.data(case))


def _asked(
    target: Target, route: Route, identity: str, signed_in: Client, url: str, data: Mapping[str, Any]
) -> Iterator[str]:
    """The faults of every method that is this identity's to ask."""
    for method in METHODS:
        if target.action(method) is None and identity not in MOST:
            continue
        answer, writes = _ask(_another(signed_in), method, url, data, as_json=target.is_api)
        yield from _faults(target, identity, method, _verdict(target, route, identity, method), answer, writes)


def _another(signed_in: Client) -> Client:
    """The same identity, however the request before it ended: signed out, say."""
    client = Client(raise_request_exception=False)
    client.handler = signed_in.handler  # with the middleware that it loaded
    client.defaults |= signed_in.defaults
    client.cookies = SimpleCookie({name: morsel.value for name, morsel in signed_in.cookies.items()})
    return client


def _ask(client: Client, method: str, url: str, data: Any, *, as_json: bool) -> tuple[Any, list[str]]:
    """The answer and what the request tried to write; nothing of it stays."""
    log = _WriteLog()
    with _undone(), connection.execute_wrapper(log):
        answer = _send(client, method, url, data, as_json=as_json)
    return answer, log.writes


def _faults(
    target: Target, identity: str, method: str, verdict: bool | None, answer: Any, writes: list[str]
) -> list[str]:
    said = f"{identity} {method}: {answer.status_code}"
    if answer.status_code >= 500:
        return [f"{said}: a fault"]
    if not target.is_ours:
        # A library's view answers as it likes once it may be asked; what counts is who may ask.
        return [f"{said}: not refused"] if verdict is False and not _is_refusal(answer) else []
    if verdict is True and answer.status_code in (401, 403, 405):
        return [f"{said}: the table allows it"]
    if verdict is True and answer.status_code == 404 and method == "GET":
        return [f"{said}: hidden, though the table allows it"]
    if verdict is False and not _is_refusal(answer):
        return [f"{said}: the table denies it"]
    if verdict is False and writes:
        return [f"{said}: refused, yet it wrote {writes}"]
    return []


def test_every_row_of_the_table_is_well_formed() -> None:
    predicates = re.compile(r"[a-z_]+")
    for action, rule in rules().items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", action), action
        assert all(predicates.fullmatch(cell) for cell in rule.cells.values()), action


def test_table_is_sorted_by_action() -> None:
    lines = (settings.BASE_DIR / "docs" / "rbac.csv").read_text().splitlines()[1:]
    actions = [line.partition(",")[0] for line in lines]
    assert actions == sorted(set(actions))


def test_every_action_named_in_code_has_a_row() -> None:
    named = {action for target in TARGETS.values() for action in map(target.action, METHODS) if action}
    assert named <= set(rules())


def test_matrix_notices_an_open_door() -> None:
    """The mutant: an answer that the table denies is a fault, and so is a write behind a refusal."""

    class Answer:
        status_code = 200

    target = next(target for target in TARGETS.values() if target.name == "platforms:edit")
    assert _faults(target, "viewer", "POST", False, Answer(), [])
    Answer.status_code = 403
    assert _faults(target, "viewer", "POST", False, Answer(), ["UPDATE x"])
    assert not _faults(target, "viewer", "POST", False, Answer(), [])
