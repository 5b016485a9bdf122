"""Parsing of what is sent: clean text, bounded numbers, and the form that carries a row's version."""

from typing import Any, Final

from django import forms
from django.http import QueryDict

from opsportal.core.markdown import clean_text

BIGGEST: Final = 2**31 - 1


def bounded_int(text: str) -> int | None:
    """The number a query parameter names when it is one that a row may have, else None."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(BIGGEST)) else None
    return number if number is not None and number <= BIGGEST else None


class CleanCharField(forms.CharField):
    """Text with NUL and lone surrogates replaced and line ends made one."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return clean_text(text) if isinstance(text, str) else text


class CleanForm(forms.Form):
    """A form whose posted texts are cleaned before any field sees them, whatever the field's class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # A browser cuts what is pasted to `maxlength` without a word; the form refuses it and gives it back whole.
            field.widget.attrs.pop("maxlength", None)

    def _clean_fields(self) -> None:
        data = self.data
        if isinstance(data, QueryDict):
            data.read_by = [*forms_over(data), self]  # type: ignore[attr-defined]
            cleaned = data.copy()
            for name, values in data.lists():
                cleaned.setlist(name, [clean_text(value) for value in values])
            self.data = cleaned
        super()._clean_fields()  # type: ignore[misc]


def forms_over(posted: QueryDict) -> list[CleanForm]:
    """The forms that read this post: what they offered is what its sender may know of the row behind them."""
    return list(getattr(posted, "read_by", ()))


class VersionedForm(CleanForm):
    """A form over a mutable row: `version` says which state the person looked at."""

    version = forms.IntegerField(min_value=1, max_value=BIGGEST, widget=forms.HiddenInput)
