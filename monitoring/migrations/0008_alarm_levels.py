import django.db.models.deletion
from django.db import migrations, models

STATES = [("ok", "ok"), ("alarm", "firing"), ("warning", "warning"), ("unknown", "unknown")]


def limit(text: str) -> models.FloatField:
    return models.FloatField(blank=True, help_text=text, null=True)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0007_slo_windows")]

    operations = [
        migrations.AddField("alarmrule", "warn_threshold", limit("the level below, on the same side")),
        migrations.AddField("alarmrule", "opposite_threshold", limit("critical on the other side")),
        migrations.AddField("alarmrule", "opposite_warn", limit("warning on the other side")),
        migrations.AddField(
            "alarmrule",
            "clear_periods",
            models.PositiveSmallIntegerField(default=0, help_text="periods in a row that must be back"),
        ),
        migrations.AddField(
            "alarmrule",
            "measure",
            models.CharField(
                choices=[
                    ("value", "the figure itself"),
                    ("z", "spreads from the baseline"),
                    ("percent", "per cent from the baseline"),
                ],
                default="value",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "alarmrule",
            "flap_changes",
            models.PositiveSmallIntegerField(default=6, help_text="more changes than these are flapping; 0: off"),
        ),
        migrations.AddField("alarmrule", "flap_minutes", models.PositiveSmallIntegerField(default=60)),
        migrations.AddField(
            "alarmrule",
            "grouped",
            models.BooleanField(default=True, help_text="joins the incident of its service's other symptoms"),
        ),
        migrations.AddConstraint(
            "alarmrule",
            models.CheckConstraint(condition=models.Q(("flap_minutes__gte", 1)), name="alarm_rule_flap_minutes"),
        ),
        migrations.AlterField("alarm", "state", models.CharField(choices=STATES, default="unknown", max_length=8)),
        migrations.AlterField("alarmtransition", "from_state", models.CharField(choices=STATES, max_length=8)),
        migrations.AlterField("alarmtransition", "to_state", models.CharField(choices=STATES, max_length=8)),
        migrations.AddField(
            "alarm",
            "flapping_since",
            models.DateTimeField(help_text="of the change that was one too many", null=True),
        ),
        migrations.AddField(
            "alarm", "flapping_until", models.DateTimeField(help_text="unless it changes again before", null=True)
        ),
        migrations.AddField(
            "alarmtransition",
            "flapping",
            models.BooleanField(default=False, help_text="one of too many changes: one page stands for all"),
        ),
        migrations.CreateModel(
            name="CloudWatchChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(help_text="StateUpdate, ConfigurationUpdate or Action", max_length=24)),
                ("at", models.DateTimeField()),
                ("summary", models.CharField(max_length=500)),
                ("data", models.JSONField(default=dict, help_text="HistoryData as CloudWatch gave it")),
                ("recorded_at", models.DateTimeField()),
                (
                    "alarm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="history", to="monitoring.alarm"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("alarm", "at", "kind", "summary"), name="cloudwatch_change_once")
                ],
            },
        ),
    ]
