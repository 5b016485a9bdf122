"""Freezes are marks of their own kind; those that hold are read on every page of monitoring."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("monitoring", "0015_deployment_restart")]
    operations = [
        migrations.AlterField(
            model_name="annotation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("incident", "Incident"),
                    ("window", "Maintenance window"),
                    ("freeze", "Freeze"),
                    ("deployment", "Deployment"),
                    ("drill", "Drill"),
                    ("note", "Note"),
                ],
                max_length=12,
            ),
        ),
        AddIndexConcurrently(
            "annotation",
            models.Index(
                fields=["platform", "ends_at"], condition=models.Q(("kind", "freeze")), name="annotation_freezes"
            ),
        ),
    ]
