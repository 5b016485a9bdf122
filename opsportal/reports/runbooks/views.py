"""Coverage of runbooks: alarms that none answers, runbooks nobody ever carried out."""

from dataclasses import dataclass

from django.http import HttpResponse

from monitoring.models import AlarmRule
from opsportal.core.actions import AuthorizedRequest, require_action
from opsportal.core.actor import Actor
from opsportal.core.htmx import render_page
from opsportal.core.shell import selected_platform
from opsportal.knowledge.models import Runbook
from opsportal.knowledge.selectors.runbooks import never_run

MAX_RULES = 1000


@dataclass(frozen=True, slots=True)
class Coverage:
    """Rules in force with and without a written runbook."""

    rules: int
    uncovered: list[AlarmRule]
    unwritten: list[AlarmRule]  # a runbook is named for them and has no text

    @property
    def covered(self) -> int:
        return self.rules - len(self.uncovered) - len(self.unwritten)


def coverage(actor: Actor, platform_id: int | None) -> Coverage:
    """Which alarm rules a runbook answers, on the platforms an actor may see."""
    written: set[tuple[int, str]] = set()
    named: set[tuple[int, str]] = set()
    runbooks = Runbook.objects.visible_to(actor).of_platform(platform_id)
    for platform, triggers, current in runbooks.values_list("platform_id", "triggers", "current_id"):
        (written if current else named).update((platform, alarm) for alarm in triggers.get("alarms", []))
    rows = AlarmRule.objects.visible_to(actor).of_platform(platform_id).filter(enabled=True)
    rows = rows.select_related("platform", "alarm", "severity").order_by("platform__name", "name", "pk")
    rules = list(rows[:MAX_RULES])
    open_rules = [rule for rule in rules if (rule.platform_id, rule.key) not in written]
    return Coverage(
        rules=len(rules),
        uncovered=[rule for rule in open_rules if (rule.platform_id, rule.key) not in named],
        unwritten=[rule for rule in open_rules if (rule.platform_id, rule.key) in named],
    )


@require_action("knowledge.runbook_view")
def runbook_coverage(request: AuthorizedRequest) -> HttpResponse:
    """Alarms without a runbook, runbooks never carried out."""
    platform = selected_platform(request)
    platform_id = platform.pk if platform else None
    context = {
        "coverage": coverage(request.actor, platform_id),
        "never": never_run(request.actor, platform_id),
        "many_platforms": platform is None,
    }
    return render_page(request, "reports/runbook_coverage.html", context)
