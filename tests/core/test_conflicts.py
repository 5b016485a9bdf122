"""The page of a lost race: words instead of keys, and the way back to where the form stood."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from opsportal.accounts.models import User
from opsportal.platforms.models import Platform
from tests.factories.incidents import SYSTEM, declare, severity

pytestmark = pytest.mark.django_db


def test_a_choice_is_named_and_the_way_leads_back(
    client_for: Callable[..., Client], commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    other = severity(platform, "P0")
    posted = {"severity": str(other.pk), "why": "all users", "version": "999"}
    home = f"http://testserver{incident.url}"
    page = client_for(commander).post(f"{incident.url}severity/", posted, headers={"Referer": home})
    text = page.content.decode()
    assert page.status_code == 409
    assert f"<h2>Incident “{incident.title}”: both sides" in text
    assert f'href="{home}"' in text
    assert str(other) in text
    assert str(incident.severity) in text
    away = client_for(commander).post(
        f"{incident.url}severity/", posted, headers={"Referer": "https://elsewhere.example/"}
    )
    assert "elsewhere.example" not in away.content.decode()
