from django.db import migrations, models

# What runs by now began under the rule that stands, as far as is known.
RUNNING = """
UPDATE incidents_incidentclock clock SET is_pausable = false FROM incidents_clockpolicy policy
WHERE clock.policy_id = policy.id AND NOT policy.may_pause AND clock.stopped_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0011_plan_lines")]

    operations = [
        migrations.AddField(
            model_name="incidentclock",
            name="is_pausable",
            field=models.BooleanField(
                db_default=True, default=True, help_text="as its rule said when it began"
            ),
        ),
        migrations.RunSQL(RUNNING, migrations.RunSQL.noop),
    ]
