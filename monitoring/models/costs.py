"""What AWS says an account cost."""

from django.db import models

from monitoring.models.sources import AwsAccount


class CostReading(models.Model):
    """One service's cost of one month, as Cost Explorer last answered; when it was asked stands in ResourcePoll."""

    account = models.ForeignKey(AwsAccount, on_delete=models.CASCADE, related_name="costs", db_index=False)
    month = models.DateField(help_text="its first day")
    service = models.CharField(max_length=120, help_text="AWS's own name")
    usd = models.DecimalField(max_digits=12, decimal_places=2)
    is_estimated = models.BooleanField(help_text="AWS has not closed the month")
    fetched_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "month", "service"], name="cost_reading_unique")]
