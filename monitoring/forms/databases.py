"""What people type about a platform's own database. Never a password."""

import re
from typing import Any, Final

from django import forms

from monitoring.services.databases import dsn_prefix, is_dsn_name
from opsportal.core.forms import BIGGEST, CleanForm
from opsportal.platforms.models import Environment, Platform

ROLE_HELP: Final = "Empty: the role that the DSN names."
DSN_HELP: Final = "{prefix}ORDERS: set for worker and web, with the password if there is one. It is not kept here."
FIELDS: Final = ("name", "purpose", "environment", "dsn_env", "reader_role", "maintainer_role")
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")


class TargetDatabaseForm(CleanForm):
    """A database of one platform. `version` is 0 where it is still to be named, and only then `key` is asked."""

    version = forms.IntegerField(min_value=0, max_value=BIGGEST, widget=forms.HiddenInput)
    key = forms.SlugField(max_length=60, label="Key", help_text="What checks and jobs call it: shop.")
    name = forms.CharField(max_length=120)
    purpose = forms.CharField(max_length=160, required=False)
    environment = forms.ModelChoiceField(queryset=Environment.objects.none(), required=False)
    dsn_env = forms.CharField(max_length=80, required=False, label="Variable that holds the DSN")
    reader_role = forms.CharField(max_length=63, required=False, help_text=f"Member of pg_monitor. {ROLE_HELP}")
    maintainer_role = forms.CharField(max_length=63, required=False, help_text=f"For approved plans. {ROLE_HELP}")

    def __init__(self, *args: Any, platform: Platform, is_new: bool, by_socket: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["environment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Environment.objects.filter(platform=platform).order_by("name", "pk")
        self.platform, self.by_socket = platform, by_socket
        self.fields["dsn_env"].help_text = DSN_HELP.format(prefix=dsn_prefix(platform))
        if not is_new:
            del self.fields["key"]

    def clean_dsn_env(self) -> str:
        """One of the variables that are meant for it."""
        name: str = self.cleaned_data["dsn_env"]
        if not name and self.by_socket:
            return ""
        if not is_dsn_name(self.platform, name):
            raise forms.ValidationError(f"A variable of this platform: {dsn_prefix(self.platform)}ORDERS.")
        return name

    def _role(self, field: str) -> str:
        role: str = self.cleaned_data[field]
        if role and _ROLE.fullmatch(role) is None:
            raise forms.ValidationError("A role of PostgreSQL: letters, digits, _ $ and -.")
        return role

    def clean_reader_role(self) -> str:
        return self._role("reader_role")

    def clean_maintainer_role(self) -> str:
        return self._role("maintainer_role")

    def values(self) -> dict[str, Any]:
        """The columns that were typed."""
        return {name: self.cleaned_data[name] for name in FIELDS}
