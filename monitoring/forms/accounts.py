"""Parsing of what people post."""

import re
from datetime import timedelta
from typing import Any, Final

from django import forms

from opsportal.core.forms import CleanForm, VersionedForm

ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/[\w+=,.@/-]{1,128}")
REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
SHORT_SILENCE: Final = timedelta(hours=2)


class SilenceForm(CleanForm):
    """For how long an alarm is to call nobody, and why."""

    minutes = forms.IntegerField(min_value=5, max_value=7 * 24 * 60, initial=60, label="Minutes")
    reason = forms.CharField(max_length=240, label="Why")


def _role_arn(value: str) -> str:
    text = str(value).strip()
    if ROLE_ARN.fullmatch(text) is None:
        raise forms.ValidationError("This is not the ARN of a role: arn:aws:iam::123456789012:role/name.")
    return text


class AwsAccountForm(CleanForm):
    """A role to assume. There is no field for a key, on purpose."""

    role_arn = forms.CharField(
        max_length=200, label="Role ARN", help_text="A role the portal may assume. No access keys are kept."
    )
    external_id = forms.CharField(
        max_length=120, label="External id", help_text="Made here, put it into the role's trust policy."
    )
    name = forms.CharField(max_length=80, label="Name")
    regions = forms.CharField(
        max_length=300, label="Regions", help_text="Separated by spaces, the first is asked first."
    )
    cost_cap_usd = forms.DecimalField(
        min_value=0, max_value=100_000, max_digits=8, decimal_places=2, initial=150, label="Cost cap, USD a month"
    )
    usd_per_metric = forms.DecimalField(
        min_value=0, max_value=1, max_digits=10, decimal_places=8, required=False, label="Price of a metric, USD",
        help_text="What AWS bills for each metric a request asks for, in this account. Empty: 0.00001.",
    )  # fmt: skip
    usd_per_scanned_gb = forms.DecimalField(
        min_value=0, max_value=100, max_digits=8, decimal_places=5, required=False, label="Price of 1 GB of logs, USD",
        help_text="What AWS bills for each GB that a question to the logs reads. Empty: 0.005.",
    )  # fmt: skip
    act_role_arn = forms.CharField(
        max_length=200,
        required=False,
        label="Act role ARN",
        help_text="What approved plans act as. Empty: nothing that changes this account can be requested.",
    )

    def clean_role_arn(self) -> str:
        return _role_arn(self.cleaned_data["role_arn"])

    def clean_act_role_arn(self) -> str:
        return _role_arn(self.cleaned_data["act_role_arn"]) if self.cleaned_data["act_role_arn"] else ""

    def clean_regions(self) -> list[str]:
        names = str(self.cleaned_data["regions"]).replace(",", " ").split()
        wrong = [name for name in names if REGION.fullmatch(name) is None]
        if wrong or not names:
            raise forms.ValidationError(f"{wrong[0] if wrong else 'Nothing'} is not the name of a region.")
        return list(dict.fromkeys(names))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        found = ROLE_ARN.fullmatch(str(cleaned.get("role_arn", "")))
        if found:
            cleaned["account_id"] = found.group(1)
        acting = ROLE_ARN.fullmatch(str(cleaned.get("act_role_arn", "")))
        if found and acting and acting.group(1) != found.group(1):
            self.add_error("act_role_arn", f"The act role belongs to another account than {found.group(1)}.")
        if found and acting and acting.group(0) == found.group(0):
            self.add_error("act_role_arn", "The act role is another role than the one that reads.")
        return cleaned


class AwsAccountEditForm(AwsAccountForm, VersionedForm):
    """The same for an account that exists."""


class AwsSourceForm(CleanForm):
    """Which platform lives in the account."""

    platform = forms.IntegerField(min_value=1)
    region = forms.CharField(max_length=24, required=False)
