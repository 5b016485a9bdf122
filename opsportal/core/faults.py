"""Fail-points: places where a crash test ends the process, as `kill -9` would.

Active only in the local stack (OPSPORTAL_LOCAL) and only when OPSPORTAL_FAULTS names them:
`OPSPORTAL_FAULTS="outbox.after_send=0.2,incidents.claim=#3"` ends with probability 0.2, or on the third hit.
"""

import os
import random
import signal
from collections import Counter
from functools import cache

_hits: Counter[str] = Counter()


class FaultSettingError(ValueError):
    """OPSPORTAL_FAULTS is not a list of name=probability or name=#hit."""


@cache
def _plan(text: str) -> dict[str, float]:
    plan: dict[str, float] = {}
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, when = part.partition("=")
        try:
            plan[name] = -float(when[1:]) if when.startswith("#") else float(when)
        except ValueError as error:
            raise FaultSettingError(f"OPSPORTAL_FAULTS: {part!r} is not name=probability or name=#hit.") from error
    return plan


def failpoint(name: str) -> None:
    """End this process by SIGKILL when the crash test asked for it here; otherwise nothing."""
    text = os.environ.get("OPSPORTAL_FAULTS")
    if not text or os.environ.get("OPSPORTAL_LOCAL", "").lower() not in ("1", "true", "yes", "on"):
        return
    when = _plan(text).get(name)
    if when is None:
        return
    _hits[name] += 1
    if _hits[name] == -when or (when > 0 and random.random() < when):  # noqa: S311 - a crash test, not a secret
        os.kill(os.getpid(), signal.SIGKILL)
