"""Form fields that clean what people send, at the edge."""

from typing import Any

from django import forms

from opsportal.core.markdown import clean_text


class CleanCharField(forms.CharField):
    """Text without NUL and lone surrogates, which PostgreSQL refuses; the rest is kept as written."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(clean_text(str(value)) if value not in self.empty_values else value)
        return text or ""
