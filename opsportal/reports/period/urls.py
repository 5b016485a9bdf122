"""Routes of the report of a period, its editions, and its mails."""

from django.urls import URLPattern, path

from opsportal.reports.period import mail_views, views

urlpatterns: list[URLPattern] = [
    path("reports/standing/", views.standing, name="standing"),
    path("reports/period/<slug:key>/", views.period_report, name="period"),
    path("reports/period/<slug:key>/report.csv", views.period_csv, name="period-csv"),
    path("reports/period/<slug:key>/report.json", views.period_json, name="period-json"),
    path("reports/period/<slug:key>/backups/", views.backup_rows, name="period-backups"),
    path("reports/period/<slug:key>/firings/", views.firing_rows, name="period-firings"),
    path("reports/period/<slug:key>/commentary/", views.commentary_action, name="period-commentary"),
    path("reports/period/<slug:key>/publish/", views.publish_action, name="period-publish"),
    path("reports/published/", views.published_list, name="published-list"),
    path("reports/published/<int:pk>/", views.published, name="published"),
    path("reports/published/<int:pk>/report.csv", views.published_csv, name="published-csv"),
    path("reports/published/<int:pk>/report.json", views.published_json, name="published-json"),
    path("reports/mails/<slug:key>/", mail_views.subscriptions, name="mails"),
    path("reports/mails/<slug:key>/add/", mail_views.subscription_add_action, name="mail-add"),
    path("reports/mails/<int:pk>/remove/", mail_views.subscription_remove_action, name="mail-remove"),
    path("reports/unsubscribe/<slug:token>/", mail_views.unsubscribe, name="unsubscribe"),
]
