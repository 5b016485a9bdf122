"""Routes below /api/v1/ that belong to no room."""

from django.urls import URLPattern, URLResolver, path

from opsportal.accounts.api.views import IndexView, MeView, SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", IndexView.as_view(), name="api-index"),
    path("me/", MeView.as_view(), name="api-me"),
    path("schema/", SchemaView.as_view(), name="api-schema"),
]
