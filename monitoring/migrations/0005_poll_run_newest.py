"""Passes newest first, whatever their account: the polls page reads them by pages."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("monitoring", "0004_collector")]
    operations = [
        AddIndexConcurrently("pollrun", models.Index(fields=["-started_at", "-id"], name="poll_run_newest")),
    ]
