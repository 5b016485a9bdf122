"""Routes of the packs API."""

from django.urls import URLPattern, path

from opsportal.packs.api import openslo

app_name = "packs-api"
urlpatterns: list[URLPattern] = [path("openslo/", openslo.OpenSloView.as_view(), name="openslo")]
