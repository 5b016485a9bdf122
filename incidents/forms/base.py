"""What forms of this room share: a time as people type it, a number of another record, an act on one incident."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from incidents.models import Incident
from opsportal.core.actor import Actor
from opsportal.core.forms import CleanForm, VersionedForm

AREA = forms.Textarea(attrs={"rows": 3})
FIRST_YEAR = 2000


class MomentField(forms.DateTimeField):
    """A time in the person's zone, by the browser's own picker; empty means now.

    In autumn an hour comes twice: the first one is meant, unless the form showed a stored time of the second.
    `reading` says which was taken, and is empty for any other time.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    input_formats = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
    stored: datetime | None = None
    reading = ""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        stored = form.get_initial_for_field(self, field_name)
        self.stored = stored if isinstance(stored, datetime) else None
        if self.stored is not None and not form.is_bound:
            self.help_text = self._reading(timezone.localtime(self.stored)) or self.help_text
        return super().get_bound_field(form, field_name)

    def to_python(self, value: Any) -> datetime | None:
        try:
            with timezone.override(UTC):  # the digits as they are typed; Django refuses those that a zone has twice
                typed = super().to_python(value)
            if typed is None:
                return None
            has_offset = isinstance(value, str) and getattr(parse_datetime(value.strip()), "tzinfo", None) is not None
            moment = (typed if has_offset else self._local(typed.replace(tzinfo=None))).astimezone(UTC)
        except (OverflowError, ValueError) as error:
            raise forms.ValidationError("This time is out of range.") from error
        if not FIRST_YEAR <= moment.year <= 2100:
            raise forms.ValidationError("This time is out of range.")
        return moment

    def _local(self, typed: datetime) -> datetime:
        zone = timezone.get_current_timezone()
        first, second = (typed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first
        if first.astimezone(UTC) > second.astimezone(UTC):
            raise forms.ValidationError("The clocks went forward over this time: that day does not have it.")
        shown = timezone.localtime(self.stored).replace(second=0, microsecond=0) if self.stored is not None else None
        taken = second if shown is not None and shown.fold and shown.replace(tzinfo=None, fold=0) == typed else first
        self.reading = self._reading(taken)
        return taken

    @staticmethod
    def _reading(local: datetime) -> str:
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return ""
        which, offset = ("the second" if local.fold else "the first"), f"{local:%z}"
        return f"{local:%H:%M} came twice that night; this is {which}, UTC{offset[:3]}:{offset[3:]}."


class ReferenceField(forms.Field):
    """INC-142, or 142."""

    def __init__(self, *, prefix: str = "INC-", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip().upper().removeprefix(self.prefix)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 12):
            raise forms.ValidationError(f"Write a number like {self.prefix}142.")
        return int(text)


class IncidentForm(CleanForm):
    """Something that is done to one incident."""

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.incident = incident

    def values(self, by: Actor) -> dict[str, Any]:
        """What the act's service takes. Raises IncidentError where `by` named what is not here."""
        del by
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}

    def is_clear_of(self, current: Incident) -> bool:
        """Whether what others changed since this form was shown is none of what it writes."""
        del current
        return False


class ActForm(IncidentForm, VersionedForm):
    """An act that changes the incident, so it says which version the person looked at."""
