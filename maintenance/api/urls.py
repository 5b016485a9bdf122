"""Routes of the maintenance API."""

from django.urls import URLPattern, path

from maintenance.api import freezes, views

app_name = "maintenance-api"
urlpatterns: list[URLPattern] = [
    path("checklist-runs/", views.RunListView.as_view(), name="checklist-run-list"),
    path("checklist-runs/<int:pk>/", views.RunDetailView.as_view(), name="checklist-run-detail"),
    path("checklist-items/<int:pk>/", views.ItemDetailView.as_view(), name="checklist-item-detail"),
    path("checklist-items/<int:pk>/tick/", views.ItemTickView.as_view(), name="checklist-item-tick"),
    path("windows/", views.WindowListView.as_view(), name="window-list"),
    path("windows/<int:pk>/", views.WindowDetailView.as_view(), name="window-detail"),
    path("freezes/", freezes.FreezeListView.as_view(), name="freeze-list"),
    path("freezes/<int:pk>/end/", freezes.FreezeEndView.as_view(), name="freeze-end"),
]
