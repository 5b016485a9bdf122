"""The portal and its limits."""

from django.urls import include, path

from benchmarks import naive, naive_today

urlpatterns = [
    path("limits/naive/", naive.page, name="limit-naive"),
    path("limits/today/", naive_today.page, name="limit-today"),
    path("limits/session/", naive.session_only, name="limit-session"),
    path("", include("opsportal.urls")),
]
handler400 = "opsportal.core.views.errors.bad_request"
handler403 = "opsportal.core.views.errors.permission_denied"
handler404 = "opsportal.core.views.errors.not_found"
handler500 = "opsportal.core.views.errors.server_error"
