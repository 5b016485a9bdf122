import django.db.models.deletion
from django.db import migrations, models

from opsportal.core.clock import now


def read_from_now_on(apps, schema_editor):
    """Databases that were named before are read like those named from now on."""
    alias, at = schema_editor.connection.alias, now()
    for database in apps.get_model("monitoring", "TargetDatabase").objects.using(alias).order_by("pk"):
        apps.get_model("schedule", "Schedule").objects.using(alias).get_or_create(
            key=f"monitoring.database:{database.pk}",
            defaults={
                "task": "monitoring.read_database",
                "queue": "checks",
                "args": {"database_id": database.pk},
                "every_seconds": 900,
                "platform_id": database.platform_id,
                "max_attempts": 1,
                "lease_seconds": 30,
                "planned_until": at,
                "next_slot_at": at,
            },
        )


class Migration(migrations.Migration):

    dependencies = [
        ("monitoring", "0012_heartbeats_deployments"),
        ("platforms", "0001_initial"),
        ("schedule", "0002_no_steps"),
    ]

    operations = [
        migrations.AddField(
            model_name="resource",
            name="arn",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
        migrations.AddField(
            model_name="resource",
            name="tags",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="resource",
            name="watched_by",
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AlterField(
            model_name="resource",
            name="kind",
            field=models.CharField(choices=[("rds_cluster", "Database cluster"), ("rds_instance", "Database instance"), ("rds_snapshot", "Snapshot"), ("backup_job", "Backup job"), ("ecs_service", "ECS service"), ("target_group", "Target group"), ("certificate", "Certificate"), ("load_balancer", "Load balancer"), ("rds_maintenance", "Pending maintenance"), ("rds_parameters", "Parameter group"), ("rds_logs", "Database log files"), ("rds_load", "Database load"), ("other", "Other tagged resource")], max_length=16),
        ),
        migrations.CreateModel(
            name="DatabasePoll",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tried_at", models.DateTimeField()),
                ("fetched_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=300)),
                ("facts", models.JSONField(default=dict)),
                ("ms", models.PositiveIntegerField(default=0)),
                ("readings", models.PositiveBigIntegerField(default=0)),
                ("failures", models.PositiveBigIntegerField(default=0, help_text="readings without any answer")),
                ("database", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="poll", to="monitoring.targetdatabase")),
            ],
        ),
        migrations.CreateModel(
            name="DatabaseAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("question", models.CharField(max_length=20)),
                ("read_at", models.DateTimeField()),
                ("verdict", models.CharField(blank=True, max_length=8)),
                ("summary", models.CharField(max_length=240)),
                ("rows", models.JSONField(default=list)),
                ("ms", models.PositiveIntegerField(default=0)),
                ("database", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="monitoring.targetdatabase")),
                ("platform", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="platforms.platform")),
            ],
            options={
                "indexes": [models.Index(fields=["database", "-read_at"], name="database_answer_reading")],
                "constraints": [models.UniqueConstraint(fields=("database", "question", "read_at"), name="database_answer_unique"), models.CheckConstraint(condition=models.Q(("verdict__in", ["", "ok", "warn", "fail", "unknown"])), name="database_answer_verdict")],
            },
        ),
        migrations.CreateModel(
            name="RdsEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("region", models.CharField(max_length=24)),
                ("source", models.CharField(max_length=255)),
                ("source_kind", models.CharField(max_length=40)),
                ("happened_at", models.DateTimeField()),
                ("message", models.CharField(max_length=500)),
                ("categories", models.JSONField(default=list)),
                ("account", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="monitoring.awsaccount")),
                ("platform", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="platforms.platform")),
                ("service", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="platforms.service")),
            ],
            options={
                "indexes": [models.Index(fields=["platform", "-happened_at", "-id"], name="rds_event_newest")],
                "constraints": [models.UniqueConstraint(fields=("account", "region", "source", "happened_at", "message"), name="rds_event_unique")],
            },
        ),
        migrations.RunPython(read_from_now_on, migrations.RunPython.noop),
    ]
