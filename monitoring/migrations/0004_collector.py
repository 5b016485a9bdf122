"""Pace, price and missing points; what a pass refused; the buckets and counts of an account's region."""

import decimal

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


def _count() -> models.BigIntegerField:
    return models.BigIntegerField(default=0)


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0003_act_role")]
    operations = [
        migrations.AddField(
            "awsaccount",
            "usd_per_metric",
            models.DecimalField(
                decimal_places=8,
                default=decimal.Decimal("0.00001"),
                help_text="GetMetricData, each metric requested",
                max_digits=10,
            ),
        ),
        migrations.AddField(
            "awsaccount",
            "pace",
            models.PositiveSmallIntegerField(
                default=0, help_text="step of PACES; above 0 the budget slows polling down"
            ),
        ),
        migrations.AlterField(
            "awsaccount",
            "cost_cap_usd",
            models.DecimalField(
                decimal_places=2, default=150, help_text="a month; polling slows down to stay below", max_digits=8
            ),
        ),
        migrations.AddField(
            "series",
            "missing",
            models.CharField(
                choices=[("gap", "no figure"), ("zero", "zero events"), ("carry", "as before")],
                default="gap",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "pollrun",
            "refused",
            models.PositiveIntegerField(
                default=0, help_text="datapoints outside the time asked about, or no number"
            ),
        ),
        migrations.AddField("pollrun", "throttles", models.PositiveIntegerField(default=0)),
        migrations.AddField(
            "pollrun",
            "is_deep",
            models.BooleanField(default=False, help_text="read the last 3 h again, not only the last 15 min"),
        ),
        migrations.AddField(
            "pollrun",
            "pace",
            models.PositiveSmallIntegerField(default=0, help_text="step of PACES at which it was made"),
        ),
        migrations.CreateModel(
            name="RegionPoll",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("region", models.CharField(max_length=24)),
                ("share", models.FloatField(default=1.0)),
                ("request_tokens", models.FloatField(default=0.0)),
                ("point_tokens", models.FloatField(default=0.0)),
                ("refilled_at", models.DateTimeField(db_default=Now())),
                (
                    "failed_in_row",
                    models.PositiveIntegerField(
                        default=0, help_text="passes without any answer since the last with one"
                    ),
                ),
                *[
                    (name, _count())
                    for name in (
                        "requests",
                        "metrics_billed",
                        "points",
                        "late_revisions",
                        "refused",
                        "throttles",
                        "failures",
                    )
                ],
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="region_polls",
                        to="monitoring.awsaccount",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account", "region"), name="region_poll_unique")],
            },
        ),
    ]
