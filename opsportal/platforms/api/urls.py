"""Routes of platforms below /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from opsportal.platforms.api.views import PlatformDetailView, PlatformListView, row_views
from opsportal.platforms.kinds import KINDS

app_name = "platforms-api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("platforms/", PlatformListView.as_view(), name="list"),
    path("platforms/<slug:key>/", PlatformDetailView.as_view(), name="detail"),
]
for _slug in KINDS:
    _list, _detail = row_views(_slug)
    urlpatterns += [
        path(f"platforms/<slug:key>/{_slug}/", _list.as_view(), name=f"{_slug}-list"),
        path(f"platforms/<slug:key>/{_slug}/<int:pk>/", _detail.as_view(), name=f"{_slug}-detail"),
    ]
