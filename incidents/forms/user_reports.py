"""Users' reports and what becomes of them."""

from collections.abc import Iterable
from typing import Any

from django import forms

from incidents.forms.base import AREA, MomentField, ReferenceField
from incidents.models.problem import ReportChannel, ReportKind
from opsportal.core.forms import CleanForm, VersionedForm
from opsportal.platforms.models import Service


class ReportForm(CleanForm):
    """What somebody told us."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label="Choose")
    text = forms.CharField(widget=AREA, max_length=8000, label="What was reported?")
    kind = forms.ChoiceField(choices=ReportKind.choices, required=False, initial=ReportKind.FAULT)
    reporter = forms.CharField(required=False, max_length=120, label="By whom")
    channel = forms.ChoiceField(choices=ReportChannel.choices, required=False, initial=ReportChannel.OTHER)
    reported_at = MomentField(required=False, label="When", help_text="Empty: now.")

    def __init__(self, *args: Any, platform_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(platform_id__in=platform_ids).select_related("platform")
        self.fields["service"].queryset = services.order_by("platform__name", "name", "pk")  # type: ignore[attr-defined]
        self.fields["service"].label_from_instance = lambda row: f"{row.platform.name}: {row.name}"  # type: ignore[attr-defined]


class ReportAttachForm(VersionedForm):
    number = ReferenceField(label="Incident", help_text="Its number, such as INC-142.")


class ReportAnswerForm(VersionedForm):
    answer = forms.CharField(widget=AREA, max_length=8000, label="What was answered, or why it is no incident")
