"""Routes of the incidents API."""

from django.urls import URLPattern, path

from incidents.api import acts, boards, kept_texts, lines, records, reports, views

app_name = "incidents-api"
urlpatterns: list[URLPattern] = [
    path("incidents/", views.IncidentListView.as_view(), name="list"),
    path("incidents/<int:number>/", views.IncidentDetailView.as_view(), name="detail"),
    path("incidents/<int:number>/timeline/", views.TimelineView.as_view(), name="timeline"),
    path("incidents/<int:number>/updates/", records.UpdateListView.as_view(), name="updates"),
    path("incidents/<int:number>/review/", records.ReviewView.as_view(), name="review"),
    path(
        "incidents/<int:number>/review/sections/<slug:key>/texts/",
        kept_texts.SectionTextsView.as_view(),
        name="review-texts",
    ),
    path(
        "incidents/<int:number>/review/causes/texts/",
        kept_texts.CauseTextsView.as_view(),
        name="review-cause-texts",
    ),
    path("learnings/retrospectives/", kept_texts.RetrospectiveListView.as_view(), name="retrospectives"),
    path(
        "learnings/retrospectives/<int:pk>/texts/",
        kept_texts.RetrospectiveTextsView.as_view(),
        name="retrospective-texts",
    ),
    path("incidents/<int:number>/action-items/", records.ActionItemAddView.as_view(), name="action-item-add"),
    path("action-items/", records.ActionItemListView.as_view(), name="action-items"),
    path("action-items/<int:number>/", records.ActionItemView.as_view(), name="action-item"),
    path("incidents/<int:number>/runbook-runs/", boards.RunbookRunsView.as_view(), name="runbook-runs"),
    path("clocks/", boards.ClockListView.as_view(), name="clocks"),
    path("queue/", boards.QueueView.as_view(), name="queue"),
    path("queue/alarms/", boards.QueueAlarmView.as_view(), name="queue-alarms"),
    path("user-reports/", reports.UserReportListView.as_view(), name="user-reports"),
    path("user-reports/<int:pk>/", reports.UserReportView.as_view(), name="user-report"),
    path("user-reports/<int:pk>/answer/", reports.UserReportAnswerView.as_view(), name="user-report-answer"),
    path("user-reports/<int:pk>/attach/", reports.UserReportAttachView.as_view(), name="user-report-attach"),
    path("problems/", reports.ProblemListView.as_view(), name="problems"),
    path("problems/<int:number>/", reports.ProblemView.as_view(), name="problem"),
    path("problems/<int:number>/texts/", kept_texts.ProblemTextsView.as_view(), name="problem-texts"),
    *lines.urlpatterns,
    *acts.urlpatterns,
]
