"""Routes of the figures API."""

from django.urls import URLPattern, path

from opsportal.reports.api import figures, mails, periods, rows

app_name = "reports-api"
urlpatterns: list[URLPattern] = [
    path("figures/incidents/", figures.IncidentFiguresView.as_view(), name="incident-figures"),
    path("figures/periods/", periods.PeriodFiguresView.as_view(), name="period-figures"),
    path("figures/periods/rows/", rows.PeriodRowsView.as_view(), name="period-rows"),
    path("commentaries/", periods.CommentaryView.as_view(), name="commentaries"),
    path("published-reports/", periods.PublishedReportListView.as_view(), name="published-reports"),
    path("published-reports/<int:pk>/", periods.PublishedReportView.as_view(), name="published-report"),
    path(
        "published-reports/<int:pk>/verification/",
        periods.VerificationView.as_view(),
        name="published-report-verification",
    ),
    path("report-subscriptions/", mails.SubscriptionListView.as_view(), name="report-subscriptions"),
    path("report-subscriptions/<int:pk>/", mails.SubscriptionView.as_view(), name="report-subscription"),
]
