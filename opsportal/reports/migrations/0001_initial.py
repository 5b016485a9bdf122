import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from opsportal.core.new_tables import NewTables

PROTECT = django.db.models.deletion.PROTECT


def _key() -> tuple[str, models.Field]:
    return ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


def _to(target: str, **options: object) -> models.ForeignKey:
    return models.ForeignKey(**({"on_delete": PROTECT, "related_name": "+", "to": target} | options))


class Migration(NewTables):
    initial = True
    dependencies = [("platforms", "0001_initial"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Commentary",
            fields=[
                _key(),
                ("period_key", models.CharField(max_length=32)),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("written_by_name", models.CharField(max_length=120)),
                ("written_at", models.DateTimeField()),
                ("platform", _to("platforms.platform")),
                ("service", _to("platforms.service", null=True)),
                ("written_by", _to(settings.AUTH_USER_MODEL, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("platform", "service", "period_key", "number"),
                        name="commentary_once",
                        nulls_distinct=False,
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="PublishedReport",
            fields=[
                _key(),
                ("period_key", models.CharField(max_length=32)),
                ("period_name", models.CharField(max_length=120)),
                ("number", models.PositiveIntegerField(help_text="1 for the first of its period")),
                ("as_of", models.DateTimeField()),
                ("body", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("code_version", models.CharField(max_length=40)),
                ("published_by_name", models.CharField(max_length=120)),
                ("published_at", models.DateTimeField()),
                ("platform", _to("platforms.platform", related_name="published_reports")),
                ("published_by", _to(settings.AUTH_USER_MODEL, null=True)),
                ("service", _to("platforms.service", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("platform", "service", "period_key", "number"),
                        name="published_report_once",
                        nulls_distinct=False,
                    )
                ],
                "indexes": [models.Index(fields=["-published_at", "-id"], name="published_report_recent")],
            },
        ),
        migrations.CreateModel(
            name="ReportSubscription",
            fields=[
                _key(),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "cadence",
                    models.CharField(
                        choices=[
                            ("daily", "each day"),
                            ("weekly", "each Monday"),
                            ("monthly", "on the first of a month"),
                        ],
                        max_length=8,
                    ),
                ),
                ("sent_until", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("platform", _to("platforms.platform")),
                ("user", _to(settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("platform", "user", "cadence"), name="report_subscription_once")
                ]
            },
        ),
    ]
