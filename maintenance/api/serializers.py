"""Lists, items and windows as the API shows them."""

from typing import Any

from rest_framework import serializers

from maintenance.models import ChecklistItem, ChecklistRun, WindowOccurrence
from opsportal.core.api import CleanCharField


class EvidenceSerializer(serializers.Serializer[Any]):
    """The newest evidence beside an item: what AWS answered, and when."""

    check = serializers.CharField(source="check_name", read_only=True)
    verdict = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    fetched_at = serializers.DateTimeField(read_only=True)


class ChecklistItemSerializer(serializers.ModelSerializer[ChecklistItem]):
    """One item of one run. `version` is what `If-Match` guards."""

    run = serializers.PrimaryKeyRelatedField(read_only=True)  # type: ignore[var-annotated]
    answered_by = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]
    evidence = EvidenceSerializer(read_only=True)

    class Meta:
        model = ChecklistItem
        fields = (
            "id", "run", "position", "section", "text", "state", "answered_by", "answered_at", "note", "evidence",
            "version",
        )  # fmt: skip
        read_only_fields = fields


class ChecklistRunSerializer(serializers.ModelSerializer[ChecklistRun]):
    """One occurrence of a list. Times are UTC; `zone` is where its rule is read."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    template = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = ChecklistRun
        fields = (
            "id", "platform", "template", "name", "zone", "slot_at", "opens_at", "due_at", "state", "item_count",
            "answered_count", "completed_at", "missed_at", "evidence_at", "version",
        )  # fmt: skip
        read_only_fields = fields


class WindowSerializer(serializers.ModelSerializer[WindowOccurrence]):
    """One window or freeze in time; `services` are those it is of, none for the whole platform.

    `reason` and who asked stand where a person began it, `end_reason` and who where one ended or called it off.
    """

    services = serializers.SlugRelatedField(  # type: ignore[var-annotated]
        source="window.services", slug_field="key", many=True, read_only=True
    )
    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    name = serializers.CharField(source="window.name", read_only=True)
    kind = serializers.CharField(source="window.kind", read_only=True)
    silences_alarms = serializers.BooleanField(source="window.silences_alarms", read_only=True)
    excludes_slo = serializers.BooleanField(source="window.excludes_slo", read_only=True)

    class Meta:
        model = WindowOccurrence
        fields = (
            "id", "platform", "services", "name", "kind", "state", "starts_at", "ends_at", "opened_at", "closed_at",
            "silences_alarms", "excludes_slo", "reason", "asked_by_name", "end_reason", "ended_by_name", "version",
        )  # fmt: skip
        read_only_fields = fields


class FreezeAddSerializer(serializers.Serializer[Any]):
    """A change freeze from now on, of a platform or of one of its services."""

    platform = CleanCharField(max_length=40, help_text="key of the platform")
    service = CleanCharField(max_length=60, required=False, allow_blank=True, default="", help_text="a service's key")
    ends_at = serializers.DateTimeField(help_text="at most 92 days ahead")
    reason = CleanCharField(max_length=240)


class FreezeEndSerializer(serializers.Serializer[Any]):
    reason = CleanCharField(max_length=400)
