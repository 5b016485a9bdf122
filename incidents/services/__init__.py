"""Every change to an incident. Keyword-only, `by` and `at` passed in, one transaction with timeline, audit, outbox."""

from incidents.services.access import entry_correct, incident_restrict
from incidents.services.actions import action_item_add, action_item_update
from incidents.services.causes import cause_add, cause_change, cause_remove
from incidents.services.claims import claim_transition
from incidents.services.clock_acts import clock_done, clock_pause, clock_resume
from incidents.services.command import incident_acknowledge, role_assign
from incidents.services.declare import incident_declare
from incidents.services.links import incident_link, incident_merge, incident_unlink
from incidents.services.problems import problem_change, problem_link, problem_open, problem_unlink
from incidents.services.progress import (
    incident_advance,
    incident_close,
    incident_mitigate,
    incident_reopen,
    incident_resolve,
)
from incidents.services.queue import alarm_give_back, alarm_own, incident_plan
from incidents.services.record import incident_describe, incident_set_severity, incident_triage
from incidents.services.reports import report_add, report_answer, report_attach
from incidents.services.retrospectives import retrospective_close, retrospective_open, retrospective_write
from incidents.services.reviews import (
    review_draft,
    review_publish,
    review_section_edit,
    review_send_back,
    review_submit,
)
from incidents.services.timeline import entry_log
from incidents.services.updates import update_post

__all__ = [
    "action_item_add",
    "action_item_update",
    "alarm_give_back",
    "alarm_own",
    "cause_add",
    "cause_change",
    "cause_remove",
    "claim_transition",
    "clock_done",
    "clock_pause",
    "clock_resume",
    "entry_correct",
    "entry_log",
    "incident_acknowledge",
    "incident_advance",
    "incident_close",
    "incident_declare",
    "incident_describe",
    "incident_link",
    "incident_merge",
    "incident_mitigate",
    "incident_plan",
    "incident_reopen",
    "incident_resolve",
    "incident_restrict",
    "incident_set_severity",
    "incident_triage",
    "incident_unlink",
    "problem_change",
    "problem_link",
    "problem_open",
    "problem_unlink",
    "report_add",
    "report_answer",
    "report_attach",
    "retrospective_close",
    "retrospective_open",
    "retrospective_write",
    "review_draft",
    "review_publish",
    "review_section_edit",
    "review_send_back",
    "review_submit",
    "role_assign",
    "update_post",
]
