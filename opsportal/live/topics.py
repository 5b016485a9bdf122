"""Who may follow what. A topic nobody registered is refused."""

from collections.abc import Callable
from typing import Final

from incidents.models import Incident
from maintenance.models import ChecklistRun
from monitoring.models import LogRun
from opsportal.core.actor import Actor
from opsportal.knowledge.models import RunbookRun
from opsportal.plans.models import Plan

MAX_TOPICS: Final = 60
Right = Callable[[Actor, int], bool]


def _may_follow_own_notices(actor: Actor, user_id: int) -> bool:
    return actor.user_id == user_id


_RIGHTS: Final[dict[str, Right]] = {
    "incident": lambda actor, pk: Incident.objects.visible_to(actor).filter(pk=pk).exists(),
    "checklist-run": lambda actor, pk: ChecklistRun.objects.visible_to(actor).filter(pk=pk).exists(),
    "log-run": lambda actor, pk: LogRun.objects.visible_to(actor).filter(pk=pk).exists(),
    "plan": lambda actor, pk: Plan.objects.visible_to(actor).filter(pk=pk).exists(),
    "runbook-run": lambda actor, pk: RunbookRun.objects.visible_to(actor).filter(pk=pk).exists(),
    "notices": _may_follow_own_notices,
}


def allowed_topics(actor: Actor, asked: list[str]) -> list[str]:
    """Those of the asked topics that this actor may follow; the others are left out without a word."""
    return [topic for topic in dict.fromkeys(asked[:MAX_TOPICS]) if _is_allowed(actor, topic)]


def _is_allowed(actor: Actor, topic: str) -> bool:
    if topic == "today":
        return bool(actor.platform_ids) or actor.is_portal_admin
    kind, _, number = topic.partition(":")
    right = _RIGHTS.get(kind)
    if right is None or not number.isascii() or not number.isdigit() or len(number) > 18:
        return False
    return right(actor, int(number))
