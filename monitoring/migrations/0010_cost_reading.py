import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0009_probes")]

    operations = [
        migrations.CreateModel(
            name="CostReading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="its first day")),
                ("service", models.CharField(help_text="AWS's own name", max_length=120)),
                ("usd", models.DecimalField(decimal_places=2, max_digits=12)),
                ("is_estimated", models.BooleanField(help_text="AWS has not closed the month")),
                ("fetched_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="costs",
                        to="monitoring.awsaccount",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account", "month", "service"), name="cost_reading_unique")
                ]
            },
        ),
    ]
