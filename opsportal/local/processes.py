"""Start a child that never outlives the stack.

Linux ends a child with its parent by PR_SET_PDEATHSIG; for grandchildren, and on macOS, the
sentinel does it. Every child leads a process group of its own, so that a group can be ended whole.
"""

import contextlib
import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
IS_LINUX = sys.platform.startswith("linux")


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _leave_root_by_namespace() -> None:
    """Become `nobody` inside a user namespace: outside we stay root, so that paths under /root still open."""
    uid, gid = os.geteuid(), os.getegid()
    if _libc().unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def _leave_root_by_setuid() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _prepare(parent: int, death_signal: int, leave_root: Callable[[], None] | None) -> Callable[[], None]:
    if IS_LINUX:
        _libc()  # loaded before the fork

    def prepare() -> None:
        if leave_root is not None:
            leave_root()
        # After the change of user, which clears it; then look whether the parent died meanwhile.
        if IS_LINUX:
            _libc().prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes] | int,
    keep: tuple[int, ...] = (),
    stdin: int = subprocess.DEVNULL,
    death_signal: int = signal.SIGKILL,
    leave_root: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` as the leader of its own group; call it from the main thread only.

    PDEATHSIG is tied to the thread that forks, so a child of another thread would die with that thread.
    """
    return subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=keep,
        start_new_session=True,
        preexec_fn=_prepare(os.getpid(), death_signal, leave_root),  # noqa: PLW1509 - this process has one thread
    )


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@functools.cache
def how_to_leave_root() -> Callable[[], None] | None:
    """The way for a root user's child to run as nobody (PostgreSQL refuses root); None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-c", ""],
            check=False,
            preexec_fn=_leave_root_by_namespace,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.SubprocessError:
        return _leave_root_by_setuid
    return _leave_root_by_namespace if done.returncode == 0 else _leave_root_by_setuid


def needs_public_copy(way: Callable[[], None] | None) -> bool:
    """Whether the child truly loses root, so that files under a private folder are closed to it."""
    return way is _leave_root_by_setuid
