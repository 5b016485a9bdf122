"""What people may send; every text is cleaned at the edge."""

from collections.abc import Collection
from typing import Any

from django import forms

from incidents.forms.base import MomentField
from opsportal.core.actor import Actor
from opsportal.core.forms import CleanCharField, CleanForm
from opsportal.platforms.models import Platform, Service


class VersionForm(CleanForm):
    version = forms.IntegerField(min_value=0, max_value=2_147_483_647, widget=forms.HiddenInput)


class ReasonForm(VersionForm):
    reason = CleanCharField(max_length=400, label="Reason")


class NoteForm(VersionForm):
    note = CleanCharField(max_length=2000, required=False, label="Note", widget=forms.Textarea(attrs={"rows": 3}))


class HandOverForm(VersionForm):
    body = CleanCharField(max_length=10_000, label="Hand-over note", widget=forms.Textarea(attrs={"rows": 6}))


class LogForm(forms.Form):
    platform = forms.IntegerField(min_value=1, max_value=9_223_372_036_854_775_807, label="Platform")
    text = CleanCharField(max_length=4000, label="What happened", widget=forms.Textarea(attrs={"rows": 2}))


class FreezeForm(CleanForm):
    """What is frozen until when, and why: `what` is `platform-<id>` or `service-<id>`."""

    what = forms.ChoiceField(label="What is frozen")
    ends_at = MomentField(label="Until")
    reason = CleanCharField(max_length=240, label="Why")

    def __init__(self, *args: Any, actor: Actor, platform_ids: Collection[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        platforms = Platform.objects.visible_to(actor).filter(pk__in=platform_ids).order_by("name", "pk")
        self.platforms = {f"platform-{row.pk}": row for row in platforms}
        services = Service.objects.visible_to(actor).filter(platform_id__in=platform_ids).select_related("platform")
        self.services = {f"service-{row.pk}": row for row in services.order_by("platform__name", "name", "pk")}
        whole = [(key, f"{row.name}, all of it") for key, row in self.platforms.items()]
        parts = [(key, f"{row.platform.name}: {row.name}") for key, row in self.services.items()]
        self.fields["what"].choices = whole + parts  # type: ignore[attr-defined]

    @property
    def target(self) -> tuple[Platform, Service | None]:
        """The platform, and the service where only that one is meant."""
        service = self.services.get(self.cleaned_data["what"])
        return (service.platform if service else self.platforms[self.cleaned_data["what"]]), service
