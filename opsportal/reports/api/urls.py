"""Routes of the figures API."""

from django.urls import URLPattern, path

from opsportal.reports.api import figures, periods

app_name = "reports-api"
urlpatterns: list[URLPattern] = [
    path("figures/incidents/", figures.IncidentFiguresView.as_view(), name="incident-figures"),
    path("figures/periods/", periods.PeriodFiguresView.as_view(), name="period-figures"),
    path("commentaries/", periods.CommentaryView.as_view(), name="commentaries"),
    path("published-reports/", periods.PublishedReportListView.as_view(), name="published-reports"),
    path("published-reports/<int:pk>/", periods.PublishedReportView.as_view(), name="published-report"),
]
