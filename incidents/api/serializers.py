"""Incidents as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from incidents.choices import DetectionSource, EntryKind, IncidentType
from incidents.models import Incident
from opsportal.core.api import CleanCharField


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """One incident. Times are UTC; `rank` 1 is worst, `severity` the platform's own label."""

    platform = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    service = serializers.SlugRelatedField(slug_field="key", read_only=True)  # type: ignore[var-annotated]
    severity = serializers.SlugRelatedField(slug_field="label", read_only=True)  # type: ignore[var-annotated]
    commander = serializers.SlugRelatedField(slug_field="name", read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = Incident
        fields = (
            "number", "reference", "url", "title", "summary", "type", "platform", "service", "severity", "rank",
            "state", "stage", "detection_source", "commander", "is_restricted", "impact_started_at", "detected_at",
            "declared_at", "acknowledged_at", "mitigated_at", "resolved_at", "closed_at", "users_affected",
            "impact_business", "impact_technical", "cause", "resolution", "planned_for", "planned_url",
            "external_source", "external_id", "version",
        )  # fmt: skip
        read_only_fields = fields


class IncidentDeclareSerializer(serializers.Serializer[Any]):
    """What it takes to declare one."""

    title = CleanCharField(max_length=200)
    platform = CleanCharField(max_length=40, help_text="key of the platform")
    service = CleanCharField(max_length=60, required=False, help_text="key of the service")
    severity = CleanCharField(max_length=20, required=False, help_text="the platform's own label, e.g. P1")
    type = serializers.ChoiceField(choices=IncidentType.choices, required=False, default=IncidentType.DEGRADATION)
    detection_source = serializers.ChoiceField(
        choices=DetectionSource.choices,
        required=False,
        help_text="external_monitor where external_source is given, else team_observation",
    )
    summary = CleanCharField(max_length=4000, required=False, default="", allow_blank=True)
    impact_started_at = serializers.DateTimeField(required=False, default=None, allow_null=True)
    take_command = serializers.BooleanField(required=False, default=False)
    external_source = CleanCharField(
        max_length=40, required=False, default="", allow_blank=True, help_text="the system an importer reads from"
    )
    external_id = CleanCharField(
        max_length=120,
        required=False,
        default="",
        allow_blank=True,
        help_text="its name there: the same one again answers with the incident that exists",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Who found it is not guessed: a monitor only where a system is named."""
        is_system = bool(attrs["external_source"])
        found_by = DetectionSource.EXTERNAL_MONITOR if is_system else DetectionSource.TEAM_OBSERVATION
        return {"detection_source": found_by, **attrs}


class IncidentDescribeSerializer(serializers.Serializer[Any]):
    """Texts of the record; what is left out stays."""

    title = CleanCharField(max_length=200, required=False)
    summary = CleanCharField(max_length=4000, required=False, allow_blank=True)
    users_affected = CleanCharField(max_length=120, required=False, allow_blank=True)
    impact_business = CleanCharField(max_length=8000, required=False, allow_blank=True)
    impact_technical = CleanCharField(max_length=8000, required=False, allow_blank=True)
    cause = CleanCharField(max_length=8000, required=False, allow_blank=True)
    resolution = CleanCharField(max_length=8000, required=False, allow_blank=True)


class EntrySerializer(serializers.Serializer[Any]):
    """One line of a timeline."""

    number = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(
        choices=EntryKind.choices, required=False, default=EntryKind.LOG, help_text="log or decision when adding"
    )
    occurred_at = serializers.DateTimeField(required=False, default=None, allow_null=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    author = serializers.CharField(source="author_name", read_only=True, allow_null=True)
    body = CleanCharField(max_length=10_000)

    def validate_kind(self, value: str) -> str:
        if value not in (EntryKind.LOG, EntryKind.DECISION):
            raise serializers.ValidationError("People write log and decision; the portal writes the rest.")
        return value
