"""Forms about people and tokens."""

from difflib import get_close_matches
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.password_validation import validate_password

from opsportal.accounts.models import Density, Theme, User
from opsportal.core.forms import CleanForm, VersionedForm

TOKEN_DAYS: Final = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "365 days"))


@cache
def zone_choices() -> list[tuple[str, str]]:
    """Every zone of the locked tzdata that names a place, and UTC."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [(name, name.replace("_", " ")) for name in ("UTC", *names)]


@cache
def _zones_by_word() -> dict[str, str]:
    """Every zone by what people type: its name, and its city where only one zone has that."""
    names = [name for name, _ in zone_choices()]
    cities: dict[str, list[str]] = {}
    for name in names:
        cities.setdefault(_word(name.rpartition("/")[2]), []).append(name)
    return {city: found[0] for city, found in cities.items() if len(found) == 1} | {_word(name): name for name in names}


def _word(text: str) -> str:
    return text.strip().replace(" ", "_").casefold()


class ZoneField(forms.CharField):
    """A zone by its name or city. Typed: a list of all 500 would weigh more than the page around it.

    The browser offers its own list (static/js/zones.js); without script a near miss is answered with suggestions.
    """

    def __init__(self) -> None:
        attrs = {"list": "zones", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(
            label="Time zone",
            max_length=64,
            widget=forms.TextInput(attrs=attrs),
            help_text="As Asia/Colombo; a city is enough.",
        )

    def clean(self, value: Any) -> str:
        typed, zones = _word(super().clean(value)), _zones_by_word()
        if typed in zones:
            return zones[typed]
        near = list(dict.fromkeys(zones[word] for word in get_close_matches(typed, zones, n=4)))
        raise forms.ValidationError(
            f"There is no such zone.{' Did you mean ' + ', '.join(near) + '?' if near else ''}", code="invalid"
        )


class PersonSettingsForm(VersionedForm):
    name = forms.CharField(max_length=120)
    theme = forms.ChoiceField(choices=Theme)
    zone = ZoneField()
    density = forms.ChoiceField(choices=Density)
    shortcuts_enabled = forms.BooleanField(required=False, label="Single-key shortcuts")

    @classmethod
    def of(cls, user: User) -> "PersonSettingsForm":
        """The form as the row stands."""
        names = ("name", "theme", "zone", "density", "shortcuts_enabled", "version")
        return cls(initial={name: getattr(user, name) for name in names})


class TokenForm(CleanForm):
    name = forms.CharField(max_length=80, help_text="What it is for, so that you know it again.")
    days = forms.ChoiceField(choices=TOKEN_DAYS, initial="90", label="Expires after")
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, scopes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(scope, scope) for scope in scopes]  # type: ignore[attr-defined]


class NewPersonForm(CleanForm):
    """Name and password of someone who comes by a link."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters; a few words are easiest to keep.",
    )
    password_again = forms.CharField(
        strip=False, max_length=200, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._email = email

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        password, again = found.get("password"), found.get("password_again")
        if password and again and password != again:
            self.add_error("password_again", "The two passwords differ.")
        if password:
            person = User(email=found.get("email", self._email), name=found.get("name", ""))
            try:
                validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return found


class FirstRunForm(NewPersonForm):
    code = forms.CharField(
        max_length=40,
        label="One-time code",
        help_text="“manage.py up” printed it; “manage.py firstrun code” prints a new one.",
    )
    email = forms.EmailField(max_length=254, label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    field_order = ("code", "email", "name", "password", "password_again")
