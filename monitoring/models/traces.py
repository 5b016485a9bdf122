"""What X-Ray says, as last read: sampling rules, who calls whom, the newest failed requests (M-MET-11)."""

from django.db import models

from monitoring.models.sources import AwsAccount


class TraceKind(models.TextChoices):
    SAMPLING = "sampling", "Sampling rules"
    GRAPH = "graph", "Service map"
    ERRORS = "errors", "Failed requests"


class TraceReading(models.Model):
    """One kind of an account and region; a failed read keeps the old `rows` and says what stood in the way."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="trace_readings")
    region = models.CharField(max_length=24)
    kind = models.CharField(max_length=8, choices=TraceKind)
    rows = models.JSONField(default=list)
    fetched_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField()
    error = models.TextField(blank=True)
    permission = models.CharField(max_length=80, blank=True, help_text="the one that was missing")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "region", "kind"], name="trace_reading_unique")]
