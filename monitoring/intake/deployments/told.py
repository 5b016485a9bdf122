"""A deployment as every parser gives it. Pure: no I/O, no Django models."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from monitoring.intake.alerts import ParseError, digest, line, moment
from opsportal.core.markdown import is_safe_url

IN_PROGRESS: Final = "in_progress"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
OVERTAKEN: Final = "overtaken"
ROLLED_BACK: Final = "rolled_back"
STATES: Final = (IN_PROGRESS, COMPLETED, FAILED, OVERTAKEN, ROLLED_BACK)  # at the same instant the later one counts
STRATEGIES: Final = ("blue_green", "canary", "rolling", "flag")
_LONGEST_ID: Final = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """How one deployment stands at `at`, None where the message gives no time.

    `external_id` is the same in every message about it; `is_rollback`: it brings an older version back.
    `application`: how the ids of the others of its application begin, where the same label is the same version again.
    """

    external_id: str
    label: str
    state: str
    at: datetime | None = None
    strategy: str = ""
    is_rollback: bool = False
    service: str = ""
    environment: str = ""
    detail: str = ""
    url: str = ""
    application: str = ""


def told(  # noqa: PLR0913 - keyword-only, each a field of the deployment
    *,
    identity: tuple[Any, ...],
    label: Any,
    state: str,
    at: Any = None,
    strategy: Any = "",
    is_rollback: bool = False,
    service: Any = "",
    environment: Any = "",
    detail: Any = "",
    url: Any = "",
    application: str = "",
) -> Told:
    """A deployment from values that may be anything. Raises ParseError where it has no name."""
    words = [line(part, 200) for part in identity]
    if not all(words):
        raise ParseError("The deployment has no id.")
    external_id, address = ":".join(words), line(url, 500)
    if len(external_id) > _LONGEST_ID:
        external_id = f"{words[0]}:{digest(*words)}"
    return Told(
        external_id=external_id,
        label=line(label, 160) or words[-1][:160],
        state=state,
        at=moment(at),
        strategy=strategy_of(strategy),
        is_rollback=is_rollback,
        service=line(service, 60),
        environment=line(environment, 60),
        detail=line(detail, 240),
        url=address if is_safe_url(address) else "",
        application=application,
    )


def strategy_of(word: Any) -> str:
    """The way it goes out, where the word says one of the four."""
    said = line(word, 60).lower().replace("-", "_").replace(" ", "_").replace("bluegreen", "blue_green")
    said = "flag" if said in ("feature_flag", "feature_flags", "flags") else said
    return said if said in STRATEGIES else ""


def state_of(word: Any, words: dict[str, str]) -> str:
    """The state that a tool's word means. Raises ParseError for a word nobody explained."""
    said = line(word, 60).lower()
    if said not in words:
        raise ParseError(f"{said or 'An empty word'} is no state of a deployment this source is known to send.")
    return words[said]
