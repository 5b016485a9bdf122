"""Homes, kinds, ports, locks and what later commands are given."""

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opsportal.local.environment import (
    CHECKOUT,
    LOOPBACK,
    Home,
    any_free_port,
    home_of,
    home_of_tests,
    is_free,
    require_free,
    wanted_port,
)
from opsportal.local.errors import StackError
from opsportal.local.lock import HomeLock, is_held, running
from opsportal.local.postgres import Cluster
from opsportal.local.schema import demo_stamp
from opsportal.local.settings_env import process_environment, stack_settings


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(binaries=tmp_path, data=tmp_path, sockets=Path("/run/short"))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_data_folder_and_its_secrets_are_private(home: Home) -> None:
    key = home.secret_key()
    assert len(key) >= 50
    assert home.secret_key() == key
    home.save_environment({"A": "b"})
    assert home.load_environment() == {"A": "b"}
    assert [mode_of(path) for path in (home.path, home.path / "secret-key", home.environment)] == [0o700, 0o600, 0o600]


def test_a_data_folder_remembers_its_kind(home: Home) -> None:
    home.claim_kind("demo")
    home.claim_kind("demo")
    with pytest.raises(StackError, match=r"is a demo one and you asked for plain: .*reset --yes"):
        home.claim_kind("plain")


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="cannot be made"):
        Home(tmp_path / "file" / "home").create()


def test_the_default_home_lies_in_the_checkout_and_tests_have_their_own() -> None:
    assert home_of({}).path == CHECKOUT / ".data"
    assert home_of_tests({}).path == CHECKOUT / ".data-test"
    assert home_of_tests({"OPSPORTAL_HOME": "/srv/ops"}).path == Path("/srv/ops-test")


def test_sockets_of_a_short_plain_path_lie_inside() -> None:
    # pytest's own folders may be long already.
    home = Home(Path("/tmp") / f"opsportal-test-{os.getpid()}")  # noqa: S108 - made for this test
    home.create()
    try:
        assert home.socket_folder() == home.path / "run"
    finally:
        for path in (home.path / "run", home.log, home.path):
            path.rmdir()


@pytest.mark.parametrize("name", ["with space", "x" * 120])
def test_sockets_of_a_long_or_spaced_path_lie_in_a_private_folder_that_is_kept(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / name)
    home.create()
    folder = home.socket_folder()
    try:
        assert len(str(folder)) < 60
        assert mode_of(folder) == 0o700
        assert home.socket_folder() == folder
        folder.chmod(0o755)
        other = home.socket_folder()
        assert other != folder
        other.rmdir()
    finally:
        folder.rmdir()


def test_a_busy_port_is_refused_with_the_next_free_one(busy_port: int) -> None:
    with pytest.raises(StackError, match=rf"^Port {busy_port} is busy: `OPSPORTAL_PORT=\d+ python3 manage.py up`"):
        require_free(busy_port)
    assert is_free(any_free_port(str(busy_port)))


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(StackError, match="must be a number from 1 to 65535"):
        wanted_port({"OPSPORTAL_PORT": text})


def test_the_default_port_is_8000() -> None:
    assert wanted_port({}) == 8000
    assert wanted_port({"OPSPORTAL_PORT": ""}) == 8000


def test_a_lock_is_held_until_its_last_holder_is_gone(home: Home) -> None:
    assert running(home) is None
    lock = HomeLock(home)
    lock.acquire(8001)
    inherited = os.dup(lock.fd)
    holder = running(home)
    assert holder is not None
    assert (holder.pid, holder.port) == (os.getpid(), 8001)
    lock.release()
    assert is_held(home)
    os.close(inherited)
    assert not is_held(home)


def test_a_stack_gets_its_own_stores_and_nothing_of_the_callers(home: Home, cluster: Cluster) -> None:
    caller = {
        "PATH": "/bin",
        "PGHOST": "elsewhere",
        "DATABASE_URL": "postgres://production/",
        "SECRET_KEY_FILE": "/run/secrets/key",
        "AWS_PROFILE": "production",
        "OPSPORTAL_BOOTSTRAP": "1",
        "NO_PROXY": "corp",
    }
    settings = stack_settings(home, cluster, port=8003, is_demo=True, environ=caller)
    found = process_environment(settings, caller)
    assert found["DATABASE_URL"] == "postgres://ops_app@%2Frun%2Fshort/opsportal"
    assert found["DATABASE_OWNER_URL"] == "postgres://ops_owner@%2Frun%2Fshort/opsportal"
    assert found["REDIS_URL"] == "unix:///run/short/valkey.sock?db=0"
    assert (found["OPSPORTAL_DEMO"], found["OPSPORTAL_LOCAL"], found["OPSPORTAL_PORT"]) == ("1", "1", "8003")
    assert found["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert found["NO_PROXY"] == "corp,127.0.0.1,localhost"
    assert not {"PGHOST", "SECRET_KEY_FILE", "AWS_PROFILE"} & found.keys()


def test_without_the_demo_the_callers_aws_stays_and_no_simulator_is_named(home: Home, cluster: Cluster) -> None:
    caller = {"AWS_PROFILE": "mine"}
    settings = stack_settings(home, cluster, port=8003, is_demo=False, environ=caller)
    found = process_environment(settings, caller)
    assert found["AWS_PROFILE"] == "mine"
    assert "AWS_ENDPOINT_URL" not in found


def test_whoever_wants_no_bytecode_beside_the_sources_gets_it_in_the_data_folder(home: Home, cluster: Cluster) -> None:
    settings = stack_settings(home, cluster, port=8003, is_demo=True, environ={})
    found = process_environment(settings, {"PYTHONDONTWRITEBYTECODE": "1"})
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["PYTHONPYCACHEPREFIX"] == str(home.path / "bytecode")
    assert "PYTHONPYCACHEPREFIX" not in process_environment(settings, {})


def test_the_demo_is_made_again_when_the_sockets_moved_and_not_otherwise(home: Home, cluster: Cluster) -> None:
    stamp = demo_stamp(home, cluster)
    assert not stamp.is_kept()
    stamp.keep()
    assert demo_stamp(home, cluster).is_current()
    moved = demo_stamp(home, replace(cluster, sockets=Path("/run/elsewhere")))
    assert (moved.is_kept(), moved.is_current()) == (True, False)


def test_a_bent_clock_goes_on_after_a_restart(home: Home, cluster: Cluster) -> None:
    origins = []
    for clock in ("2026-03-01T08:00@60", "2026-03-01T08:00@60", "2026-03-01T08:00@90"):
        settings = stack_settings(home, cluster, port=1, is_demo=True, environ={"OPSPORTAL_CLOCK": clock})
        home.save_environment(settings)
        origins.append(settings["OPSPORTAL_CLOCK_ORIGIN"])
    assert origins[0] == origins[1]
    assert origins[2] != origins[1]
