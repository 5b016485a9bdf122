"""People's own settings, sessions and tokens."""

from django.urls import URLPattern, URLResolver, path

from opsportal.accounts.api.views import docs
from opsportal.accounts.views import settings, tokens

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/", settings.settings_index, name="settings"),
    path("settings/me/", settings.settings_person, name="settings-person"),
    path("settings/sessions/", settings.session_list, name="sessions"),
    path("settings/sessions/others/end/", settings.session_end_others_action, name="session-end-others"),
    path("settings/sessions/<int:pk>/end/", settings.session_end_action, name="session-end"),
    path("settings/tokens/", tokens.token_list, name="tokens"),
    path("settings/tokens/add/", tokens.token_add_action, name="token-add"),
    path("settings/tokens/<int:pk>/revoke/", tokens.token_end_action, name="token-revoke"),
    path("api/docs/", docs, name="api-docs"),
    path("accounts/confirm/", settings.confirm, name="confirm"),
]
