"""End every process of a stack whose supervisor died without stopping it.

Reads lines `add GROUP SIGNAL` and `drop GROUP` from the supervisor. When that pipe closes with
groups left in it, the supervisor is gone: they get their signal, and SIGKILL three seconds later.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

from opsportal.local.processes import signal_group

GRACE_SECONDS = 3.0
STEP_SECONDS = 0.05


def watch(lines: Iterable[str]) -> dict[int, int]:
    """The groups still alive when the pipe closes, each with the signal that ends it fast."""
    groups: dict[int, int] = {}
    for line in lines:
        verb, group, *rest = line.split()
        if verb == "add":
            groups[int(group)] = int(rest[0])
        else:
            groups.pop(int(group), None)
    return groups


def end(groups: dict[int, int]) -> None:
    """Signal all groups, wait a little, and kill what is left."""
    for group, number in groups.items():
        signal_group(group, number)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_exists(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(STEP_SECONDS)
    for group in groups:
        signal_group(group, signal.SIGKILL)


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Watch standard input; Ctrl-C and TERM are the supervisor's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end(watch(sys.stdin))


if __name__ == "__main__":
    main()
