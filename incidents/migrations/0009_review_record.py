import django.db.models.deletion
from django.db import migrations, models

# What runs already goes on counting in the hours of its policy as it is now.
CALENDARS = """
UPDATE incidents_incidentclock c SET calendar_id = p.calendar_id
FROM incidents_clockpolicy p
WHERE p.id = c.policy_id AND c.stopped_at IS NULL AND p.calendar_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0008_problems"), ("platforms", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="DeclaredSituation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("data", models.JSONField()),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="declared_situation",
                        to="incidents.incident",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.AddField(
            model_name="incidentclock",
            name="calendar",
            field=models.ForeignKey(
                db_index=False,
                help_text="what it counts its time in, whatever the policy says by now; None: around the clock",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="platforms.businesscalendar",
            ),
        ),
        migrations.RunSQL(CALENDARS, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="cause",
            constraint=models.CheckConstraint(condition=~models.Q(text=""), name="cause_says_something"),
        ),
        migrations.AddConstraint(
            model_name="cause",
            constraint=models.CheckConstraint(
                condition=models.Q(parent__isnull=True) | ~models.Q(parent=models.F("id")),
                name="cause_not_its_own_reason",
            ),
        ),
    ]
