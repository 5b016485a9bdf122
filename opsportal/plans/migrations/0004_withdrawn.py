"""A plan is withdrawn when what it was for is over before it began."""

from django.db import migrations, models

STATES = [
    ("awaiting", "Waiting for approval"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
    ("expired", "Expired"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("unknown", "Outcome unknown"),
    ("withdrawn", "Withdrawn"),
]


class Migration(migrations.Migration):
    dependencies = [("plans", "0003_plan_by_start")]
    operations = [
        migrations.AlterField("plan", "state", models.CharField(choices=STATES, default="awaiting", max_length=12))
    ]
