"""The bell, and webhooks."""

from django.urls import path

from opsportal.notifications import views, webhook_views

app_name = "notifications"
urlpatterns = [
    path("notices/", views.notice_list, name="notices"),
    path("notices/read/", views.notices_read_action, name="notices-read"),
    path("notices/<int:pk>/open/", views.notice_open_action, name="notice-open"),
    path("settings/webhooks/", webhook_views.webhook_list, name="webhooks"),
    path("settings/webhooks/new/<slug:key>/", webhook_views.webhook_new, name="webhook-new"),
    path("settings/webhooks/<int:pk>/", webhook_views.webhook_detail, name="webhook"),
    path("settings/webhooks/<int:pk>/secret/", webhook_views.webhook_rotate_action, name="webhook-rotate"),
    path("settings/webhooks/<int:pk>/try/", webhook_views.webhook_ping_action, name="webhook-try"),
    path("settings/webhooks/<int:pk>/remove/", webhook_views.webhook_remove_action, name="webhook-remove"),
]
