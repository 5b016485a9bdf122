"""The demo panel; included only where OPSPORTAL_DEMO is set."""

from django.urls import URLPattern, URLResolver, path

from opsportal.local import views

app_name = "local"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.panel, name="panel"),
    path("outbox/", views.outbox, name="outbox"),
    path("faults/start/", views.fault_start_action, name="fault-start"),
    path("faults/heal/", views.heal_action, name="heal"),
    path("checklist/", views.checklist_action, name="checklist"),
    path("window/", views.window_action, name="window"),
]
