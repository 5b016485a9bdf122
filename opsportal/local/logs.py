"""The log file of each service: last words, rotation, and `manage.py logs`."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from opsportal.local.environment import Home
from opsportal.local.errors import StackError

LARGEST_BYTES = 10 * 1024 * 1024
KEPT_FILES = 2
TAIL_BYTES = 128 * 1024
SHOWN_LINES = 40
FOLLOW_SECONDS = 0.3


def last_line(path: Path) -> str:
    """The last line that says something, shortened; a log that is missing or empty says so."""
    lines = _tail(path).split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it said nothing")


def rotate(folder: Path) -> None:
    """Move what is in a large log aside, keeping the file that the service writes to.

    The services append, so that the file can be emptied under them.
    """
    for path in folder.glob("*.log"):
        if path.stat().st_size < LARGEST_BYTES:
            continue
        for number in range(KEPT_FILES, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                path.with_suffix(f".log.{number - 1}").replace(path.with_suffix(f".log.{number}"))
        shutil.copyfile(path, path.with_suffix(".log.1"))
        with path.open("r+b") as log:
            log.truncate(0)


def show(home: Home, service: str | None, *, follow: bool) -> Iterator[str]:
    """Lines of one service's log or of all, each behind its service's name; with `follow` for ever."""
    paths = sorted(home.log.glob("*.log")) if service is None else [home.log / f"{service}.log"]
    missing = [path for path in paths if not path.exists()]
    if missing or not paths:
        known = ", ".join(sorted(path.stem for path in home.log.glob("*.log"))) or "none yet"
        raise StackError(f"There is no log of {service or 'any service'} in {home.log}; there are: {known}.")
    offsets = {path: path.stat().st_size for path in paths}
    for path in paths:
        yield from _labelled(path, _tail(path).splitlines()[-SHOWN_LINES:], alone=len(paths) == 1)
    while follow:
        for path in paths:
            lines, offsets[path] = _since(path, offsets[path])
            yield from _labelled(path, lines, alone=len(paths) == 1)
        time.sleep(FOLLOW_SECONDS)


def _labelled(path: Path, lines: Iterable[str], *, alone: bool) -> Iterator[str]:
    return (line if alone else f"{path.stem:<11} {line}" for line in lines)


def _since(path: Path, offset: int) -> tuple[list[str], int]:
    size = path.stat().st_size
    if size == offset:
        return [], offset
    with path.open("rb") as log:
        log.seek(offset if size > offset else 0)  # smaller: it was rotated
        text = log.read()
    whole = text.rfind(b"\n") + 1
    start = offset if size > offset else 0
    return text[:whole].decode(errors="replace").splitlines(), start + whole


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as log:
            log.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
