"""The newest error lines of a service, as a check whose answer is kept: cut, and masked by their shape."""

from typing import Any, Final

from monitoring.evidence.registry import CheckContext, Finding, check
from monitoring.evidence.sources import unknown
from monitoring.logs import LogsError, ask_logs
from monitoring.models import Verdict
from opsportal.aws.logs import ERRORS
from opsportal.core.formats import plural
from opsportal.core.masking import mask_start

CHECK: Final = "logs.errors"
MOST_LINES: Final = 8
MOST_CHARACTERS: Final = 300
MOST_COUNTED: Final = 100


@check(CHECK, title="Errors in the log", params={"service": str, "minutes": int})
def errors_in_logs(context: CheckContext) -> Finding:
    """No error line was logged by a service in the last `minutes`; those found are shown, the newest first."""
    service, minutes = str(context.params.get("service", "")), int(context.params.get("minutes", 30))
    asked: dict[str, Any] = {"call": "logs:StartQuery", "query": ERRORS, "minutes": minutes, "service": service}
    try:
        found = ask_logs(
            platform_id=context.platform_id,
            service=service,
            text=ERRORS,
            minutes=minutes,
            at=context.at,
            limit=MOST_COUNTED,
        )
    except LogsError as error:
        return unknown(str(error), fetched_at=context.at, asked=asked)
    lines = [
        [row.get("@timestamp", "")[:19], mask_start(row.get("@message", ""), MOST_CHARACTERS)]
        for row in found.rows[:MOST_LINES]
    ]
    count = f"{MOST_COUNTED} or more" if len(found.rows) >= MOST_COUNTED else str(len(found.rows))
    said = f"{count} error lines in {minutes} min" if found.rows else f"no error line in {plural(minutes, 'minute')}"
    if found.missed:
        said = f"{said}; not all answered: {' '.join(found.missed)}"
    return Finding(
        # Of what did not answer nothing is known: no line in the rest is no "ok".
        verdict=Verdict.WARN if found.rows else Verdict.UNKNOWN if found.missed else Verdict.OK,
        summary=said,
        fetched_at=context.at,
        asked=asked | {"groups": list(found.groups), "missed": list(found.missed)},
        got={"lines": lines},
    )
