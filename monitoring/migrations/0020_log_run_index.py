"""A platform's questions to the logs, newest first: the month's figure and the runs behind it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("monitoring", "0019_log_caps")]
    operations = [
        AddIndexConcurrently(
            "logrun", models.Index(fields=["platform", "-asked_at", "-id"], name="log_run_of_platform")
        ),
    ]
