"""Platforms as JSON; what a form refuses, these refuse as well."""

from typing import Any

from rest_framework import serializers

from opsportal.accounts.forms import zone_choices
from opsportal.core.markdown import is_safe_url
from opsportal.platforms import models
from opsportal.platforms.forms import RESERVED_KEYS

POLICY = ("source", "source_text")


class ZoneField(serializers.ChoiceField):
    """A zone's name from the locked tzdata."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[name for name, _ in zone_choices()], **kwargs)


class OwnRowField(serializers.PrimaryKeyRelatedField[Any]):
    """A row of the same platform; another platform's does not exist here."""

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        platform = self.context.get("platform")
        return rows if platform is None else rows.filter(**{rows.platform_path: platform.pk})


class PlatformSerializer(serializers.ModelSerializer[models.Platform]):
    class Meta:
        model = models.Platform
        fields = ("id", "version", "key", "name", "description", "guide_title")
        read_only_fields = ("guide_title",)

    def validate_key(self, value: str) -> str:
        if self.instance is not None and value != getattr(self.instance, "key", value):
            raise serializers.ValidationError("A platform's key never changes.")
        if value in RESERVED_KEYS:
            raise serializers.ValidationError("This word has a meaning of its own; choose another.")
        return value


class EnvironmentSerializer(serializers.ModelSerializer[models.Environment]):
    zone = ZoneField()

    class Meta:
        model = models.Environment
        fields = ("id", "version", "key", "name", "zone", "is_production", "note")


class ServiceSerializer(serializers.ModelSerializer[models.Service]):
    environment = OwnRowField(queryset=models.Environment.objects.all())
    selectors = serializers.DictField(required=False)

    class Meta:
        model = models.Service
        fields = ("id", "version", "environment", "key", "name", "description", "selectors", "note")


class SeveritySchemeSerializer(serializers.ModelSerializer[models.SeverityScheme]):
    class Meta:
        model = models.SeverityScheme
        fields = ("id", "version", "kind", "name", *POLICY)
        read_only_fields = POLICY


class SeveritySerializer(serializers.ModelSerializer[models.Severity]):
    scheme = OwnRowField(queryset=models.SeverityScheme.objects.all())

    class Meta:
        model = models.Severity
        fields = ("id", "version", "scheme", "rank", "label", "name", "description", "paging", "pages")
        validators: list[Any] = []  # the database's constraint answers as a conflict


class SeverityAliasSerializer(serializers.ModelSerializer[models.SeverityAlias]):
    severity = OwnRowField(queryset=models.Severity.objects.all())

    class Meta:
        model = models.SeverityAlias
        fields = ("id", "version", "source", "word", "severity")


class BusinessCalendarSerializer(serializers.ModelSerializer[models.BusinessCalendar]):
    zone = ZoneField()
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), min_length=1, max_length=7
    )
    holidays = serializers.ListField(child=serializers.DateField(), max_length=400, required=False)

    class Meta:
        model = models.BusinessCalendar
        fields = ("id", "version", "key", "name", "zone", "weekdays", "opens_at", "closes_at", "holidays", *POLICY)
        read_only_fields = POLICY

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        opens = attrs.get("opens_at", getattr(self.instance, "opens_at", None))
        closes = attrs.get("closes_at", getattr(self.instance, "closes_at", None))
        if opens and closes and opens >= closes:
            raise serializers.ValidationError({"closes_at": "It must close later than it opens."})
        return attrs


class ContactSerializer(serializers.ModelSerializer[models.Contact]):
    class Meta:
        model = models.Contact
        fields = ("id", "version", "key", "name", "duty", "level", "email", "phone", "note", *POLICY)
        read_only_fields = POLICY


class LinkSerializer(serializers.ModelSerializer[models.Link]):
    class Meta:
        model = models.Link
        fields = ("id", "version", "key", "name", "url", *POLICY)
        read_only_fields = POLICY

    def validate_url(self, value: str) -> str:
        if not is_safe_url(value):
            raise serializers.ValidationError("Write a full address that begins with https://, http:// or mailto:.")
        return value


SERIALIZERS: dict[str, type[serializers.ModelSerializer[Any]]] = {
    "environments": EnvironmentSerializer,
    "services": ServiceSerializer,
    "schemes": SeveritySchemeSerializer,
    "severities": SeveritySerializer,
    "aliases": SeverityAliasSerializer,
    "calendars": BusinessCalendarSerializer,
    "contacts": ContactSerializer,
    "links": LinkSerializer,
}
