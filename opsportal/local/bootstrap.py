"""Make `.venv` from a lock file, with nothing but Python and pip.

uv installs in a second or two what pip needs half a minute for; pip alone is the fall-back.
Standard library only.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsportal.local.environment import CHECKOUT, Home, write_private
from opsportal.local.errors import StackError
from opsportal.local.pip_settings import bare_python, pip_settings, uv_environment
from opsportal.local.terminal import say

RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
NO_SPACE = "No space left on device"
NETWORK_WORDS = ("Failed to establish", "ConnectionError", "Temporary failure", "No matching distribution", "dns error")


class _FailedError(Exception):
    """An installer did not manage; its words."""


@dataclass(frozen=True)
class Venv:
    """The packages of one checkout."""

    checkout: Path = CHECKOUT

    @property
    def path(self) -> Path:
        return self.checkout / ".venv"

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.path / "opsportal-lock.json"

    @property
    def use(self) -> Path:
        return self.path / "opsportal-in-use"

    def is_active(self) -> bool:
        """Whether this very process runs inside it."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def installed(self) -> dict[str, str]:
        """Lock file name → hash of what was installed, and the Python it was made for."""
        try:
            found: dict[str, str] = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def has(self, lock: str) -> bool:
        """Whether the packages of this lock file are there, exactly or among more."""
        found = self.installed()
        return (
            self.python.exists()
            and found.get("python") == _python_version()
            and found.get(lock) == lock_hash(self.checkout / lock)
        )


def lock_hash(path: Path) -> str:
    """What tells one state of a lock file from another."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise StackError(f"{path.name} is missing from the checkout {path.parent}.") from error


def ensure(lock: str, home: Home, *, environ: Mapping[str, str], venv: Venv | None = None) -> Path:
    """Make sure that the packages of `lock` are installed; the answer is the Python that has them."""
    venv = venv or Venv()
    if venv.has(lock):
        return venv.python
    with _alone(venv.checkout / lock):
        if not venv.has(lock):  # another command may have done it while we waited
            _install(venv, lock, home, environ)
    return venv.python


@contextlib.contextmanager
def environment_in_use(venv: Venv | None = None) -> Iterator[None]:
    """Tell other commands that a stack runs from these packages, so that none is taken away."""
    venv = venv or Venv()
    if not venv.path.is_dir():  # somebody else's Python: not ours to change, either
        yield
        return
    with venv.use.open("a") as mark:
        fcntl.flock(mark, fcntl.LOCK_SH)
        yield


def is_in_use(venv: Venv) -> bool:
    """Whether a stack of this checkout runs."""
    try:
        with venv.use.open("a") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _install(venv: Venv, lock: str, home: Home, environ: Mapping[str, str]) -> None:
    say(f"opsportal: installing the packages of {lock} into .venv …")
    # What we did not install ourselves, or a stack uses now, is never taken away.
    adds_only = bool(venv.python.exists() and (not venv.installed() or is_in_use(venv)))
    if venv.installed().get("python") not in {None, _python_version()} and not is_in_use(venv):
        shutil.rmtree(venv.path)
        adds_only = False
    try:
        try:
            _install_by_uv(venv, lock, home, environ, adds_only=adds_only)
        except _FailedError:
            say("opsportal: uv could not do it; trying pip alone, which takes longer …")
            _install_by_pip(venv, lock, environ)
    except _FailedError as error:
        raise _refusal(str(error)) from None
    _keep_stamp(venv, lock, adds_only=adds_only)


def _install_by_uv(venv: Venv, lock: str, home: Home, environ: Mapping[str, str], *, adds_only: bool) -> None:
    tools = home.path / "tools"
    uv = tools / "bin" / "uv"
    if not uv.exists():
        home.create()
        # No ensurepip needed (Debian's Python lacks it), and nothing lands in the user's own Python.
        _call([bare_python(), "-m", "pip", "install", "--quiet", "--target", str(tools), "uv"], environ)
    env = {**environ, **uv_environment(pip_settings(environ), environ), "VIRTUAL_ENV": str(venv.path)}
    if not venv.python.exists():
        _call([uv, "venv", "--quiet", "--no-project", "--clear", "--python", bare_python(), str(venv.path)], env)
    verb = ["install", "--requirements"] if adds_only else ["sync"]
    _call([uv, "pip", *verb, str(venv.checkout / lock), "--quiet", "--require-hashes"], env)


def _install_by_pip(venv: Venv, lock: str, environ: Mapping[str, str]) -> None:
    if not venv.python.exists():
        _call([bare_python(), "-m", "venv", "--clear", "--without-pip", str(venv.path)], environ)
    pip = [bare_python(), "-m", "pip", "--python", str(venv.python), "install", "--quiet"]
    _call([*pip, "--require-hashes", "--requirement", str(venv.checkout / lock)], environ)


def _keep_stamp(venv: Venv, lock: str, *, adds_only: bool) -> None:
    stamp = {"python": _python_version(), lock: lock_hash(venv.checkout / lock)}
    if lock == DEVELOPMENT:
        # A superset with identical pins.
        stamp[RUNTIME] = lock_hash(venv.checkout / RUNTIME)
    elif adds_only and venv.installed().get(DEVELOPMENT) == lock_hash(venv.checkout / DEVELOPMENT):
        stamp[DEVELOPMENT] = venv.installed()[DEVELOPMENT]
    write_private(venv.stamp, json.dumps(stamp))


def _call(argv: Sequence[str | Path], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            argv, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise _FailedError(str(error)) from error
    if done.returncode != 0:
        raise _FailedError(done.stderr.strip() or done.stdout.strip())


def _refusal(words: str) -> StackError:
    if NO_SPACE in words:
        raise OSError(errno.ENOSPC, NO_SPACE, str(CHECKOUT))
    if "No module named pip" in words:
        return StackError(f"This Python ({bare_python()}) has no pip: install it (Debian: apt install python3-pip).")
    if any(word in words for word in NETWORK_WORDS):
        return StackError(
            "The packages can neither be downloaded nor found in a cache: connect to the network, "
            "or point pip at an index (PIP_INDEX_URL, PIP_FIND_LINKS), and run this again."
        )
    last = words.splitlines()[-1] if words else "it said nothing"
    return StackError(f"Installing the packages failed: {last}")


def _python_version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One installation at a time per checkout; the lock file itself is the thing locked."""
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def replace_process(python: Path, argv: Sequence[str], execute: Callable[..., None] = os.execv) -> None:
    """Go on inside the environment; this does not return."""
    sys.stdout.flush()
    execute(str(python), [str(python), *argv])
