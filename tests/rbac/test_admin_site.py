"""Django's admin site: read only, and for portal administrators."""

from collections.abc import Callable

from django.contrib import admin as site
from django.test import Client
from django.urls import reverse

from opsportal.accounts.models import User


def test_admin_site_is_for_portal_administrators_and_changes_nothing(
    viewer: User, admin: User, portal_admin: User, client_for: Callable[..., Client]
) -> None:
    for person in (viewer, admin):
        assert client_for(person).get(reverse("admin:index")).status_code == 403
    assert client_for(None).get(reverse("admin:index")).status_code == 302
    client = client_for(portal_admin)
    assert client.get(reverse("admin:index")).status_code == 200
    for model in site.site._registry:
        label = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        if model._meta.app_label in ("auth", "account", "mfa", "axes"):
            continue
        assert client.get(reverse(f"{label}_changelist")).status_code == 200, label
        assert client.get(reverse(f"{label}_add")).status_code == 403, label
        assert client.post(reverse(f"{label}_add"), {}).status_code == 403, label
