"""The page of a lost race: words instead of keys, and the way back to where the form stood."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django import forms
from django.http import QueryDict
from django.test import Client

from incidents.models import Incident
from incidents.services import incident_describe
from opsportal.accounts.models import User
from opsportal.core.conflicts import differences
from opsportal.core.forms import CleanForm
from opsportal.platforms.models import Platform, Severity
from tests.factories.accounts import UserFactory
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


def test_names_added_to_the_form_tell_nothing_of_what_is_hidden(
    client_for: Callable[..., Client], commander: User, platform: Platform, at: datetime
) -> None:
    shown, hidden = (declare(platform, by=SYSTEM, at=at, title=title) for title in ("Checkout is slow", "A breach"))
    Incident.objects.filter(pk=hidden.pk).update(is_restricted=True)
    person = UserFactory.create(name="Unknown Person")
    posted = {"severity": str(severity(platform, "P0").pk), "why": "all users", "version": "999"}
    added = {"merged_into_id": str(hidden.pk), "commander_id": str(person.pk), "declared_by": str(person.pk)}
    page = client_for(commander).post(f"{shown.url}severity/", posted | added)
    text = page.content.decode()
    assert page.status_code == 409
    assert "both sides" in text
    assert "A breach" not in text
    assert "Unknown Person" not in text
    # Nor does the row that stands say where it points, to whom no form has offered it.
    Incident.objects.filter(pk=shown.pk).update(state="closed", resolved_at=at, closed_at=at, merged_into=hidden)
    shown.refresh_from_db()
    assert [row.theirs for row in differences(shown, QueryDict("merged_into=0&why=all+users"))] == ["", ""]


def test_who_stands_in_the_row_and_is_not_among_the_choices_is_not_named(platform: Platform, at: datetime) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    chosen = severity(platform, "P0")

    class Form(CleanForm):
        severity = forms.ModelChoiceField(Severity.objects.filter(pk=chosen.pk))

    posted = QueryDict(f"severity={chosen.pk}")
    assert Form(posted).is_valid()
    (found,) = differences(incident, posted)
    assert (found.theirs, found.mine) == ("something else", str(chosen))


def test_who_answers_what_nobody_else_answered_meets_no_page_of_both_sides(
    client_for: Callable[..., Client], commander: User, platform: Platform, at: datetime
) -> None:
    incident = declare(platform, by=SYSTEM, at=at)
    client = client_for(commander)
    shown = client.get(f"{incident.url}triage/").content.decode()
    assert 'name="seen" value="{}"' in shown
    asked = {"version": incident.version, "seen": "{}"}
    incident_describe(by=SYSTEM, at=at, incident=incident, expected=incident.version, changes={"summary": "Slow"})
    saved = client.post(f"{incident.url}triage/", asked | {"users": "yes", "users_note": "a few"})
    assert saved.status_code == 303
    incident.refresh_from_db()
    assert (incident.summary, incident.triage["users"]) == ("Slow", {"answer": "yes", "note": "a few"})
    assert client.post(f"{incident.url}triage/", asked | {"core_function": "no"}).status_code == 303
    # Another answer to the same question is one: it alone is shown, in the question's words.
    other = client.post(f"{incident.url}triage/", asked | {"users": "no", "data_at_risk": "no"})
    text = other.content.decode()
    assert other.status_code == 409
    assert "<b>Users affected, saved</b>" in text
    assert "Yes, a few" in text
    assert text.count(", saved</b>") == 1
    incident.refresh_from_db()
    assert set(incident.triage) == {"users", "core_function"}
