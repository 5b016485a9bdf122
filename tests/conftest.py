"""The test kit: a cloned database per worker, personas, clients. See CONTRIBUTING.md, "Tests"."""

import gc
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connections
from django.test import Client, TransactionTestCase
from django.utils.crypto import get_random_string

from opsportal.accounts.actors import token_actor, user_actor
from opsportal.accounts.models import User
from opsportal.core.actor import ANONYMOUS, Actor
from opsportal.core.clock import real_now
from opsportal.local.postgres import wheel_binaries
from opsportal.platforms.models import Platform
from tests.bad_input import BAD_BODIES, BAD_TEXTS
from tests.database import Emptying, make_template, owner_dsn, template_held, use_database
from tests.factories.accounts import TokenPersona, UserFactory, token_persona
from tests.factories.platforms import MembershipFactory, platform_with_policy

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
# Two busy cores make anything slow: no example fails by the clock.
hypothesis.settings.register_profile("portal", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("portal")


def pytest_collection_finish() -> None:
    """All that was imported stays to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


# --- database: cloned from the migrated template, used as the app role ----------------------------
@pytest.fixture(scope="session")
def database_base() -> str:
    """What the names of the databases of this run begin with."""
    return os.environ.get("OPSPORTAL_TEST_DB") or f"test_{settings.DATABASES['default']['NAME']}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, database_base: str) -> Iterator[None]:
    """A clone of the migrated template for this worker; nothing is migrated while the schema stands still."""
    database = f"{database_base}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    with django_db_blocker.unblock(), template_held(database_base) as template:
        make_template(template)
        with psycopg.connect(owner_dsn("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        use_database(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", Emptying(database).run)
        yield
    with django_db_blocker.unblock():
        for alias in connections:
            connections[alias].close()


@pytest.fixture(scope="session")
def migrated_dump(django_db_setup: None, database_base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrated template as SQL: migrating an empty database takes half a minute of a stack's start."""
    found = tmp_path_factory.mktemp("dump") / "migrated.sql"
    with template_held(database_base) as template:
        argv = [str(wheel_binaries() / "pg_dump"), "--dbname", owner_dsn(template), "--file", str(found)]
        subprocess.run(argv, check=True)
    return found


@pytest.fixture
def owner_connection(db: None) -> Iterator["psycopg.Connection[Any]"]:
    """The owner role on this worker's database, autocommit: for tampering, and for looking past the app role."""
    with psycopg.connect(owner_dsn(settings.DATABASES["owner"]["NAME"]), autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    yield
    cache.clear()


# --- time, people, platforms -----------------------------------------------------------------------------------
@pytest.fixture
def at() -> datetime:
    """One fixed instant: Tuesday 10 March 2026, 09:00 UTC."""
    return AT


@pytest.fixture
def platform(db: None) -> Platform:
    """`shop`, with an environment in Berlin, a service, and P0–P3 schemes of both kinds."""
    return platform_with_policy(key="shop", name="Shop")


@pytest.fixture
def other_platform(db: None) -> Platform:
    """`elsewhere`: none of the personas but `stranger` and `other_admin` may know that it exists."""
    return platform_with_policy(key="elsewhere", name="Elsewhere")


def member(platform: Platform, role: str, name: str = "") -> User:
    """A person with one role on the platform, and a name that says so."""
    user = UserFactory.create(name=name or role.capitalize(), email=f"{name or role}@{platform.key}.example")
    MembershipFactory.create(platform=platform, user=user, role=role)
    return user


@pytest.fixture
def viewer(platform: Platform) -> User:
    return member(platform, "viewer")


@pytest.fixture
def manager(platform: Platform) -> User:
    return member(platform, "manager")


@pytest.fixture
def auditor(platform: Platform) -> User:
    return member(platform, "auditor")


@pytest.fixture
def operator(platform: Platform) -> User:
    return member(platform, "operator")


@pytest.fixture
def commander(platform: Platform) -> User:
    return member(platform, "commander")


@pytest.fixture
def admin(platform: Platform) -> User:
    return member(platform, "admin")


@pytest.fixture
def portal_admin(db: None) -> User:
    """A portal administrator without any membership."""
    return UserFactory.create(name="Portal admin", email="portal@portal.example", is_portal_admin=True)


@pytest.fixture
def stranger(other_platform: Platform) -> User:
    """An operator of another platform."""
    return member(other_platform, "operator", "stranger")


@pytest.fixture
def other_admin(other_platform: Platform) -> User:
    """An admin of another platform."""
    return member(other_platform, "admin", "other_admin")


@pytest.fixture
def token(platform: Platform) -> TokenPersona:
    """An API token of an operator, with every scope an operator may hand out."""
    return token_persona(member(platform, "operator", "robot"))


@pytest.fixture
def anonymous() -> None:
    """Nobody; `client_for(None)` is a client without a session."""
    return


@pytest.fixture
def actor_for() -> Callable[..., Actor]:
    """`actor_for(user, mfa=True)`: the actor of a user, a token persona or nobody (None)."""

    def make(who: User | TokenPersona | None, *, mfa: bool = True) -> Actor:
        if who is None:
            return ANONYMOUS
        if isinstance(who, TokenPersona):
            from django.test import RequestFactory

            return token_actor(who.token, RequestFactory().get("/"))
        return user_actor(who, mfa_at=real_now() if mfa else None)

    return make


@pytest.fixture
def client_for() -> Callable[..., Client]:
    """`client_for(user, mfa=True)`: a client signed in as a user, sending a token, or nobody (None)."""

    return client_of


def client_of(who: User | TokenPersona | None, *, mfa: bool = True, csrf: bool = False) -> Client:
    """A client as `client_for` makes it."""
    client = Client(enforce_csrf_checks=csrf)
    if isinstance(who, TokenPersona):
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {who.text}"
    elif who is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = _session_of(who, _second_factor(who) if mfa else {})
    return client


def _session_of(user: User, more: Mapping[str, Any]) -> str:
    """The key of a session as a sign-in leaves it, in one statement: Django's own way there takes a dozen."""
    signed_in = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    store, key = SessionStore(), get_random_string(32, VALID_KEY_CHARS)
    data = store.encode({**signed_in, **more})
    Session.objects.create(session_key=key, session_data=data, expire_date=store.get_expiry_date())
    return key


def _second_factor(user: User) -> dict[str, Any]:
    """A fresh second factor as allauth records it in a session."""
    shown = [{"method": "mfa", "at": real_now().timestamp(), "type": "totp"}]
    return {"account_authentication_methods": shown, "account_authentication_methods_user": str(user.pk)}


def show_second_factor(client: Client, user: User) -> None:
    """Put a fresh second factor into the client's session."""
    session = client.session
    session.update(_second_factor(user))
    session.save()


# --- bad input ---------------------------------------------------------------------------------------------
@pytest.fixture(params=list(BAD_TEXTS), ids=list(BAD_TEXTS))
def bad_text(request: pytest.FixtureRequest) -> str:
    """Each text of the hand list: a page or post may refuse it (4xx) or store it clean, never fail."""
    return BAD_TEXTS[request.param]


@pytest.fixture(params=list(BAD_BODIES), ids=list(BAD_BODIES))
def bad_body(request: pytest.FixtureRequest) -> bytes:
    """Each body of the hand list, for API writes: 4xx or stored clean, never 5xx."""
    return BAD_BODIES[request.param]
