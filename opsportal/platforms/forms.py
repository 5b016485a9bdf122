"""Forms of platforms, their members and the rows of their policy."""

import re
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django import forms
from django.db.models import Model

from opsportal.accounts.forms import ZoneField
from opsportal.core.forms import CleanForm
from opsportal.core.markdown import is_safe_url
from opsportal.platforms.models import Platform, Role, SchemeKind

WEEKDAYS: Final = ((1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (7, "Sun"))
RANKS: Final = ((1, "1 (worst)"), (2, "2"), (3, "3"), (4, "4"), (5, "5"))
RESERVED_KEYS: Final = frozenset({"new", "all"})
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class PlatformForm(CleanForm):
    name = forms.CharField(max_length=80)
    description = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class NewPlatformForm(PlatformForm):
    key = forms.SlugField(max_length=40, help_text="Short, for addresses and packs; it never changes.")
    field_order = ("key", "name", "description")

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if key in RESERVED_KEYS:
            raise forms.ValidationError("This word has a meaning of its own in addresses; choose another.")
        return key


class MemberForm(CleanForm):
    role = forms.ChoiceField(choices=Role)


class NewMemberForm(MemberForm):
    email = forms.EmailField(max_length=254, label="E-mail of a person who is here already")
    field_order = ("email", "role")


class InvitationForm(CleanForm):
    """One person, one role on each chosen platform."""

    email = forms.EmailField(max_length=254)
    name = forms.CharField(max_length=120, required=False)
    is_portal_admin = forms.BooleanField(
        required=False,
        label="Portal administrator",
        help_text="May create platforms, people and AWS accounts; sees no platform without a role there.",
    )

    def __init__(self, *args: Any, platforms: list[Platform], may_make_admin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._platforms = platforms
        for platform in platforms:
            self.fields[f"role_{platform.pk}"] = forms.ChoiceField(
                label=platform.name, choices=[("", "no role"), *Role.choices], required=False
            )
        if not may_make_admin:
            del self.fields["is_portal_admin"]

    def roles(self) -> dict[int, str]:
        """Platform id -> role, of the platforms where one was chosen."""
        chosen = {platform.pk: self.cleaned_data.get(f"role_{platform.pk}") for platform in self._platforms}
        return {pk: role for pk, role in chosen.items() if role}


class RowForm(CleanForm):
    """A form over one row of a platform's policy; `values()` is what goes into the row."""

    def __init__(self, *args: Any, platform: Platform, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.platform = platform
        for field in self.fields.values():
            queryset = getattr(field, "queryset", None)
            if queryset is not None:  # choices of another platform do not exist here
                path = cast("Any", queryset).platform_path
                cast("Any", field).queryset = queryset.filter(**{path: platform.pk})

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    @classmethod
    def initial_of(cls, row: Model) -> dict[str, Any]:
        """The form's values as the row stands."""
        found = {}
        for name in cls.base_fields:
            value = getattr(row, name, None)
            found[name] = value.pk if isinstance(value, Model) else value
        return found


class EnvironmentForm(RowForm):
    key = forms.SlugField(max_length=40)
    name = forms.CharField(max_length=80)
    zone = ZoneField()
    is_production = forms.BooleanField(required=False, label="Production")
    note = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))


def _environments() -> Any:
    from opsportal.platforms.models import Environment

    return Environment.objects.order_by("name", "pk")


def _severities() -> Any:
    from opsportal.platforms.models import Severity

    return Severity.objects.order_by("scheme_id", "rank", "pk")


def _schemes() -> Any:
    from opsportal.platforms.models import SeverityScheme

    return SeverityScheme.objects.order_by("kind", "pk")


class _SchemeField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.get_kind_display()}: {obj.name}"


class ServiceForm(RowForm):
    environment = forms.ModelChoiceField(queryset=_environments())
    key = forms.SlugField(max_length=60)
    name = forms.CharField(max_length=120)
    description = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    selectors = forms.JSONField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="Which AWS resources carry it, as a JSON object.",
    )
    note = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean_selectors(self) -> dict[str, Any]:
        value = self.cleaned_data["selectors"] or {}
        if not isinstance(value, dict):
            raise forms.ValidationError('Write an object, as {"ecs_service": "web"}.')
        return value


class SeveritySchemeForm(RowForm):
    kind = forms.ChoiceField(choices=SchemeKind)
    name = forms.CharField(max_length=80)


class SeverityForm(RowForm):
    scheme = _SchemeField(queryset=_schemes())
    rank = forms.TypedChoiceField(choices=RANKS, coerce=int)
    label = forms.CharField(max_length=20, help_text="The platform's own word, as P0 or SEV1.")
    name = forms.CharField(max_length=80, required=False)
    description = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    paging = forms.CharField(max_length=160, required=False, label="Paging rule, as text")
    pages = forms.BooleanField(required=False, label="Pages somebody")


class SeverityAliasForm(RowForm):
    source = forms.CharField(max_length=40, help_text="Who uses the word: cloudwatch, pingdom …")
    word = forms.CharField(max_length=40)
    severity = forms.ModelChoiceField(queryset=_severities())


class BusinessCalendarForm(RowForm):
    key = forms.SlugField(max_length=40)
    name = forms.CharField(max_length=80)
    zone = ZoneField()
    weekdays = forms.TypedMultipleChoiceField(choices=WEEKDAYS, coerce=int, widget=forms.CheckboxSelectMultiple)
    opens_at = forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    closes_at = forms.TimeField(widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    holidays = forms.CharField(
        max_length=8000, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="Dates as 2026-12-25."
    )

    def clean_holidays(self) -> list[Any]:
        field = forms.DateField(input_formats=["%Y-%m-%d"])
        words = self.cleaned_data["holidays"].replace(",", " ").split()
        if not all(_DATE.fullmatch(word) for word in words):
            raise forms.ValidationError("Write dates as 2026-12-25, with spaces or lines between them.")
        return sorted({field.clean(word) for word in words})

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        opens, closes = found.get("opens_at"), found.get("closes_at")
        if opens and closes and opens >= closes:
            self.add_error("closes_at", "It must close later than it opens.")
        return found

    @classmethod
    def initial_of(cls, row: Model) -> dict[str, Any]:
        found = super().initial_of(row)
        return {**found, "holidays": "\n".join(day.isoformat() for day in found["holidays"] or [])}


class ContactForm(RowForm):
    key = forms.SlugField(max_length=60)
    name = forms.CharField(max_length=120)
    duty = forms.CharField(max_length=120, required=False)
    level = forms.IntegerField(
        min_value=0, max_value=20, initial=0, help_text="Place in the escalation chain, 1 first; 0 stands outside it."
    )
    email = forms.EmailField(max_length=254, required=False)
    phone = forms.CharField(max_length=40, required=False)
    note = forms.CharField(max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class LinkForm(RowForm):
    key = forms.SlugField(max_length=60)
    name = forms.CharField(max_length=120)
    url = forms.CharField(max_length=400, label="Address")

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        if not is_safe_url(url) or not (urlsplit(url).netloc or url.startswith("mailto:")):
            raise forms.ValidationError("Write a full address that begins with https://, http:// or mailto:.")
        return url
