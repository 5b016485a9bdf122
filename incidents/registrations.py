"""What incidents hand to the rooms below: predicates, navigation, loops, invariants, evidence checks.

And what an incident of this room can be declared from: an alarm that fires, a user's report.
"""

from datetime import datetime

from incidents import loops, predicates, selectors
from incidents.choices import DetectionSource
from incidents.events import EVENTS
from incidents.evidence import day
from incidents.models import Incident, UserReport
from incidents.models.problem import ReportState
from incidents.registries.origins import Origin, register_origin
from incidents.selectors.named import severity_of_rank
from incidents.selectors.reviews import review_marks
from incidents.services.claims import found_by
from incidents.services.log_lines import noted_runs
from incidents.services.plans import PREFIX, find, glass_broken, glass_refusal, hidden_subjects, plan_asked, plan_told
from incidents.services.reports import report_attach
from incidents.services.runbooks import hidden_runs, runbook_told
from monitoring.models import Alarm
from monitoring.selectors.slo_detail import register_reviews
from monitoring.services.log_retention import register_referred
from opsportal.core.actor import Actor
from opsportal.core.gate import register_predicate
from opsportal.core.shell import register_nav, register_setting, register_worst_rank
from opsportal.knowledge.subjects import register_subjects
from opsportal.notifications.webhooks import register_events
from opsportal.plans.subjects import SubjectRoom, register_plan_subjects
from opsportal.platforms.models import SchemeKind
from opsportal.schedule.invariants import invariant

TITLE = 120

# Imported for what they register.
REGISTERED = (loops, day)


def register() -> None:
    """Called once, from AppConfig.ready."""
    take = "Take command first: acknowledge it, or have whoever commands pass it to you."
    register_predicate("holds_command", predicates.holds_command, who="who hold command of it", how=take)
    register_predicate(
        "commands_or_communicates",
        predicates.commands_or_communicates,
        who="who hold command of it or its communications role",
        how="Have yourself given the role first: /role communications and your name.",
    )
    register_predicate("not_author", predicates.not_author, who="other than its author")
    register_predicate("own_or_commands", predicates.own_or_commands, who="who wrote it or hold command of it")
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
    register_referred(noted_runs)
    register_events(EVENTS)
    register_origin("alarm", _of_alarm)
    register_origin("report", _of_report)
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


def _of_alarm(actor: Actor, pk: int) -> Origin | None:
    """A firing alarm: its severity, its signal, when it began."""
    rows = Alarm.objects.visible_to(actor).select_related("severity__scheme", "alert_source")
    alarm: Alarm | None = rows.filter(pk=pk).first()
    if alarm is None:
        return None
    severity = alarm.severity
    if severity is not None and severity.scheme.kind != SchemeKind.INCIDENT:
        severity = severity_of_rank(alarm.platform_id, severity.rank)
    return Origin(
        name=f"alarm {alarm.name}",
        url=f"/monitoring/alarms/{alarm.pk}/",
        platform_id=alarm.platform_id,
        service_id=alarm.service_id,
        title=alarm.name,
        detection_source=found_by(alarm),
        severity_id=severity.pk if severity is not None else None,
        summary=alarm.reason,
        signal=alarm.signal,
        since=alarm.since if alarm.state == "alarm" else None,
    )


def _of_report(actor: Actor, pk: int) -> Origin | None:
    """A user's report that waits; it becomes part of the incident."""
    report: UserReport | None = UserReport.objects.visible_to(actor).filter(pk=pk, state=ReportState.WAITING).first()
    if report is None:
        return None

    def settle(incident: Incident, by: Actor, at: datetime) -> object:
        return report_attach(by=by, at=at, report=report, incident=incident)

    first = report.text.strip().splitlines()[0]
    return Origin(
        name=report.reference,
        url=report.url,
        platform_id=report.platform_id,
        service_id=report.service_id,
        title=first if len(first) <= TITLE else f"{first[:TITLE]}…",
        detection_source=DetectionSource.USER_REPORT,
        summary=report.text,
        since=report.reported_at,
        settle=settle,
    )
