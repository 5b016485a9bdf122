"""Plans that began lately, of a platform: what stands among the changes around an incident."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("plans", "0002_subjects")]
    operations = [AddIndexConcurrently("plan", models.Index(fields=["platform", "-started_at"], name="plan_by_start"))]
