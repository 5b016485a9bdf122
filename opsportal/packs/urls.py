from django.urls import URLPattern, URLResolver, path

from opsportal.packs import views

app_name = "packs"
urlpatterns: list[URLPattern | URLResolver] = [
    path("packs/", views.pack_list, name="pack-list"),
    path("packs/<slug:name>/", views.pack_detail, name="pack-detail"),
    path("packs/<slug:name>/apply/", views.pack_apply_action, name="pack-apply"),
    path("packs/<slug:name>/export/", views.pack_download, name="pack-export"),
    path("policy/", views.policy_page, name="policy"),
]
