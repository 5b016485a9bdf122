import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

# Terms were bound to the newest version; exclusions counted from the moment somebody set them.
FILL = """
UPDATE monitoring_sloterm t SET of_version_id = (
    SELECT v.id FROM monitoring_sloversion v WHERE v.slo_id = t.slo_id ORDER BY v.number DESC LIMIT 1);
UPDATE monitoring_sloexclusion SET approved_at = created_at;
"""
KINDS = [
    ("rolling", "the last days"), ("week", "calendar week"), ("month", "calendar month"),
    ("quarter", "calendar quarter"), ("year", "calendar year"),
]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0006_intake"), ("platforms", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="BudgetPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("notice_at", models.PositiveSmallIntegerField(default=50)),
                ("review_at", models.PositiveSmallIntegerField(default=75)),
                ("freeze_at", models.PositiveSmallIntegerField(default=100)),
                (
                    "review_share",
                    models.PositiveSmallIntegerField(default=20, help_text="used by one incident: its review is due"),
                ),
                (
                    "platform",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="budget_policy",
                        to="platforms.platform",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(notice_at__gt=0, review_at__gt=F("notice_at"), freeze_at__gt=F("review_at")),
                        name="budget_policy_steps",
                    )
                ]
            },
        ),
        migrations.AddField("sloversion", "window_kind", models.CharField(choices=KINDS, default="rolling", max_length=8)),
        migrations.AddField("sloversion", "zone", models.CharField(default="UTC", max_length=64)),
        migrations.AddField("sloexclusion", "approved_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "sloterm",
            "of_version",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="terms", to="monitoring.sloversion"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RemoveConstraint("sloterm", "slo_term_unique"),
        migrations.AddConstraint(
            "sloterm",
            models.UniqueConstraint(fields=["of_version", "role", "series", "stat"], name="slo_term_once"),
        ),
    ]
