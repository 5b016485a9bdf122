"""The step that asks an address and looks at the status of the answer."""

from collections.abc import Mapping
from typing import Any, Final

from opsportal.core.markdown import is_safe_url
from opsportal.knowledge.runbooks.step_kinds import Question, StepAnswer
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.http import TargetError, fetch

EXPECTED: Final = 200


def problem(params: Mapping[str, Any]) -> str:
    """Why this is no address to ask, or ""."""
    url = str(params.get("url", ""))
    if not is_safe_url(url) or url.startswith("mailto:"):
        return "An address begins with http:// or https://."
    return ""


def ask(question: Question) -> StepAnswer:
    """GET the address; its body is not kept."""
    url, wanted = str(question.params["url"]), int(question.params.get("expect", EXPECTED))
    try:
        answer = fetch(purpose="probe", url=url)
    except BlockedAddressError as error:
        return StepAnswer("unknown", f"{url}: {error}", question.at)
    except TargetError as error:
        return StepAnswer("unknown" if error.is_permanent else "fail", f"{url}: {error}", question.at)
    verdict = "ok" if answer.status == wanted else "fail"
    said = f"{url} answered {answer.status} in {answer.seconds * 1000:.0f} ms"
    return StepAnswer(verdict, said if verdict == "ok" else f"{said}; {wanted} was expected", question.at)
