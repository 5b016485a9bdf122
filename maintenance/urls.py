"""Checklists, the operations log, windows and job runs."""

from django.urls import path

from maintenance.views import calendar, checklists, freezes, operations_log

app_name = "maintenance"

urlpatterns = [
    path("checklists/", checklists.checklist_list, name="checklists"),
    path("checklists/<int:pk>/", checklists.checklist_run, name="checklist-run"),
    path("checklists/<int:pk>/evidence/", checklists.evidence_request_action, name="evidence-request"),
    path("checklists/<int:pk>/hand-over/", checklists.hand_over_action, name="hand-over"),
    path("checklists/items/<int:pk>/tick/", checklists.item_tick_action, name="item-tick"),
    path("checklists/items/<int:pk>/untick/", checklists.item_untick_action, name="item-untick"),
    path("checklists/items/<int:pk>/set-aside/", checklists.item_set_aside_action, name="item-set-aside"),
    path("checklists/items/<int:pk>/note/", checklists.item_note_action, name="item-note"),
    path("operations-log/", operations_log.operations_log_list, name="operations-log"),
    path("operations-log/add/", operations_log.operations_log_add_action, name="operations-log-add"),
    path("maintenance/", calendar.window_calendar, name="calendar"),
    path("maintenance/windows/<int:pk>/", calendar.window_detail, name="window"),
    path("maintenance/windows/<int:pk>/cancel/", calendar.window_cancel_action, name="window-cancel"),
    path("maintenance/freezes/new/", freezes.freeze_new, name="freeze-new"),
    path("maintenance/windows/<int:pk>/end/", freezes.freeze_end_action, name="freeze-end"),
    path("maintenance/job-runs/<int:pk>/", calendar.job_run, name="job-run"),
]
