"""What incidents hand to the rooms below: predicates, navigation, loops, invariants, evidence checks."""

from incidents import found, loops, predicates, selectors
from incidents.events import EVENTS
from incidents.evidence import day
from incidents.origins import register_origin
from incidents.selectors.reviews import review_marks
from incidents.services.plans import PREFIX, find, glass_broken, glass_refusal, hidden_subjects, plan_asked, plan_told
from incidents.services.runbooks import hidden_runs, runbook_told
from monitoring.selectors.slo_detail import register_reviews
from opsportal.core.gate import register_predicate
from opsportal.core.shell import register_nav, register_setting, register_worst_rank
from opsportal.knowledge.subjects import register_subjects
from opsportal.notifications.webhooks import register_events
from opsportal.plans.subjects import SubjectRoom, register_plan_subjects
from opsportal.schedule.invariants import invariant

# Imported for what they register.
REGISTERED = (loops, day)


def register() -> None:
    """Called once, from AppConfig.ready."""
    register_predicate("holds_command", predicates.holds_command)
    register_predicate("not_author", predicates.not_author)
    register_predicate("own_or_commands", predicates.own_or_commands)
    register_nav(
        20,
        "incidents",
        "Incidents",
        "siren",
        "incidents:list",
        "incidents.incident_view",
        count=selectors.all_open,
    )
    register_worst_rank(selectors.all_open)
    register_setting(
        55, "Clock rules", "How long each clock of a severity runs, in which hours, when it warns.", "timer",
        "incidents:clock-rules", "incidents.clock_rule_view",
    )  # fmt: skip
    register_reviews(review_marks)
    register_events(EVENTS)
    register_origin("alarm", found.of_alarm)
    register_origin("report", found.of_report)
    register_subjects(hidden=hidden_runs, listener=runbook_told)
    register_plan_subjects(
        SubjectRoom(
            prefix=PREFIX,
            hidden=hidden_subjects,
            find=find,
            asked=plan_asked,
            told=plan_told,
            refusal=glass_refusal,
            broken=glass_broken,
        )
    )
    invariant(name="incidents.record_is_whole")(loops.broken_invariants)
