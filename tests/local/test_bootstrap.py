"""Making `.venv` from a lock: when, how, and what a failure says."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from opsportal.local import bootstrap
from opsportal.local.bootstrap import DEVELOPMENT, RUNTIME, Venv, ensure, environment_in_use, is_in_use, lock_hash
from opsportal.local.environment import CHECKOUT, Home
from opsportal.local.errors import StackError
from opsportal.local.pip_settings import parse_config_list, uv_environment

FAKE_UV = """#!/bin/sh
echo "$@" >> "{record}"
env | grep ^UV_ >> "{record}.env"
if [ "$1" = venv ]; then mkdir -p "{venv}/bin" && ln -s "{python}" "{venv}/bin/python"; fi
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "check out"
    folder.mkdir()
    for name in (RUNTIME, DEVELOPMENT):
        (folder / name).write_text(f"# {name}: no packages\n")
    return folder


def put_uv(home: Home, script: str) -> None:
    uv = home.path / "tools" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(script)
    uv.chmod(0o755)


@pytest.fixture
def record(home: Home, checkout: Path, tmp_path: Path) -> Path:
    """A uv that only writes down what it is asked."""
    path = tmp_path / "record"
    put_uv(home, FAKE_UV.format(record=path, venv=checkout / ".venv", python=sys.executable))
    return path


def test_installs_once_per_state_of_the_lock(home: Home, checkout: Path, record: Path) -> None:
    venv = Venv(checkout)
    assert ensure(RUNTIME, home, environ=os.environ, venv=venv) == checkout / ".venv" / "bin" / "python"
    ensure(RUNTIME, home, environ=os.environ, venv=venv)
    assert [line.split()[:2] for line in record.read_text().splitlines()] == [["venv", "--quiet"], ["pip", "sync"]]
    assert "--require-hashes" in record.read_text()
    (checkout / RUNTIME).write_text("# changed\n")
    assert not venv.has(RUNTIME)
    ensure(RUNTIME, home, environ=os.environ, venv=venv)
    assert record.read_text().count("pip sync") == 2


def test_the_development_lock_serves_up_as_well(home: Home, checkout: Path, record: Path) -> None:
    venv = Venv(checkout)
    ensure(DEVELOPMENT, home, environ=os.environ, venv=venv)
    assert venv.has(RUNTIME)
    (checkout / RUNTIME).write_text("# changed\n")
    assert not venv.has(RUNTIME)
    assert venv.has(DEVELOPMENT)


def test_test_only_adds_while_a_stack_runs(home: Home, checkout: Path, record: Path) -> None:
    venv = Venv(checkout)
    ensure(RUNTIME, home, environ=os.environ, venv=venv)
    with environment_in_use(venv):
        assert is_in_use(venv)
        ensure(DEVELOPMENT, home, environ=os.environ, venv=venv)
    assert not is_in_use(venv)
    assert record.read_text().splitlines()[-1].startswith("pip install --requirements")


def test_packages_somebody_else_installed_are_never_taken_away(home: Home, checkout: Path, record: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    ensure(RUNTIME, home, environ=os.environ, venv=Venv(checkout))
    assert [line.split()[:2] for line in record.read_text().splitlines()] == [["pip", "install"]]


def test_another_python_makes_the_environment_anew(home: Home, checkout: Path, record: Path) -> None:
    venv = Venv(checkout)
    ensure(RUNTIME, home, environ=os.environ, venv=venv)
    venv.stamp.write_text(json.dumps(venv.installed() | {"python": "3.10.0"}))
    ensure(RUNTIME, home, environ=os.environ, venv=venv)
    assert record.read_text().count("venv --quiet") == 2


def test_pip_does_it_when_uv_cannot(home: Home, checkout: Path) -> None:
    """With the Python below this environment, as on a bare machine: pip, no ensurepip, a path with a space."""
    put_uv(home, "#!/bin/sh\nexit 2\n")
    code = (
        "import os, sys; from pathlib import Path; from opsportal.local.bootstrap import Venv, ensure;"
        "from opsportal.local.environment import Home;"
        "print(ensure('requirements.lock', Home(Path(sys.argv[1])), environ=os.environ, venv=Venv(Path(sys.argv[2]))))"
    )
    bare = getattr(sys, "_base_executable", sys.executable)
    done = subprocess.run(
        [bare, "-c", code, home.path, checkout], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    python = done.stdout.splitlines()[-1]
    assert python == str(checkout / ".venv" / "bin" / "python")
    said = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(checkout / ".venv")
    assert Venv(checkout).installed()[RUNTIME] == lock_hash(checkout / RUNTIME)


@pytest.mark.parametrize(
    "words, sentence",
    [
        ("ERROR: No matching distribution found for django", "neither be downloaded nor found"),
        ("/usr/bin/python3: No module named pip", "has no pip: install it"),
        ("a\nHash mismatch for django", "failed: Hash mismatch for django"),
    ],
)
def test_a_failed_installation_says_one_plain_sentence(
    home: Home, checkout: Path, monkeypatch: pytest.MonkeyPatch, words: str, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise bootstrap._FailedError(words)

    monkeypatch.setattr(bootstrap, "_call", fail)
    with pytest.raises(StackError, match=sentence) as refused:
        ensure(RUNTIME, home, environ=os.environ, venv=Venv(checkout))
    assert "\n" not in str(refused.value)


def test_a_full_disk_is_told_apart(home: Home, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise bootstrap._FailedError("OSError: [Errno 28] No space left on device")

    monkeypatch.setattr(bootstrap, "_call", fail)
    with pytest.raises(OSError, match="No space left"):
        ensure(RUNTIME, home, environ=os.environ, venv=Venv(checkout))


def test_a_second_installation_waits_for_the_first(checkout: Path) -> None:
    with bootstrap._alone(checkout / RUNTIME), (checkout / RUNTIME).open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_pip_settings_are_read_with_pips_own_precedence() -> None:
    text = (
        ":env:.find-links='/opt/wheels'\nglobal.extra-index-url='https://a/ https://b/'\n"
        "global.index-url='https://far/simple'\ninstall.index-url='https://near/simple'\n"
        "global.find-links='/old'\nfreeze.timeout='1'\nnonsense\n"
    )
    assert parse_config_list(text) == {
        "find-links": "/opt/wheels",
        "extra-index-url": "https://a/ https://b/",
        "index-url": "https://near/simple",
    }


def test_uv_is_told_what_pip_knows() -> None:
    settings = {
        "index-url": "https://near/simple",
        "extra-index-url": "https://a/\nhttps://b/",
        "find-links": "/one\n/two",
        "cert": "/etc/ca.pem",
        "trusted-host": "near",
        "default-timeout": "180",
        "no-index": "false",
    }
    assert uv_environment(settings, {"UV_HTTP_TIMEOUT": "5"}) == {
        "UV_DEFAULT_INDEX": "https://near/simple",
        "UV_INDEX": "https://a/ https://b/",
        "UV_FIND_LINKS": "/one,/two",
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_INSECURE_HOST": "near",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
    }


def test_the_locks_pin_alike_and_name_no_index() -> None:
    runtime, development = (_pins(CHECKOUT / name) for name in (RUNTIME, DEVELOPMENT))
    assert runtime.items() <= development.items()
    for name in (RUNTIME, DEVELOPMENT):
        assert "://" not in (CHECKOUT / name).read_text()


def _pins(lock: Path) -> dict[str, str]:
    lines = [line for line in lock.read_text().splitlines() if "==" in line and not line.startswith((" ", "#"))]
    return dict(line.rstrip(" \\").split("==", 1) for line in lines)
