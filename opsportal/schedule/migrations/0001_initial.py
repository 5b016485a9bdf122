import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('key', models.CharField(max_length=120, unique=True)),
                ('task', models.CharField(max_length=120)),
                ('queue', models.CharField(default='default', max_length=20)),
                ('args', models.JSONField(blank=True, default=dict)),
                ('cron', models.CharField(blank=True, max_length=80)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('every_seconds', models.PositiveIntegerField(default=0)),
                ('catch_up', models.CharField(choices=[('all', 'Run every missed slot'), ('last', 'Run the latest missed slot only'), ('skip', 'Skip missed slots')], default='last', max_length=4)),
                ('on_lost', models.CharField(choices=[('retry', 'Repeat it: its effect is the same twice'), ('unknown', 'Leave it unknown: a one-shot call is never repeated silently')], default='retry', max_length=7)),
                ('max_attempts', models.PositiveSmallIntegerField(default=3)),
                ('lease_seconds', models.PositiveSmallIntegerField(default=15)),
                ('platform_id', models.BigIntegerField(db_index=True, null=True)),
                ('is_enabled', models.BooleanField(default=True)),
                ('planned_until', models.DateTimeField(help_text='Slots up to here are in the ledger.')),
                ('next_slot_at', models.DateTimeField(db_index=True, null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('cron', ''), ('every_seconds__gt', 0)), models.Q(models.Q(('cron', ''), _negated=True), ('every_seconds', 0)), _connector='OR'), name='schedule_one_rule')],
            },
        ),
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('schedule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='schedule.schedule')),
                ('key', models.CharField(max_length=120)),
                ('slot_utc', models.DateTimeField()),
                ('slot_local', models.CharField(blank=True, max_length=40)),
                ('is_shifted', models.BooleanField(default=False)),
                ('task', models.CharField(max_length=120)),
                ('queue', models.CharField(default='default', max_length=20)),
                ('args', models.JSONField(blank=True, default=dict)),
                ('platform_id', models.BigIntegerField(null=True)),
                ('state', models.CharField(choices=[('due', 'Due'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('unknown', 'Unknown'), ('skipped', 'Skipped')], default='due', max_length=8)),
                ('on_lost', models.CharField(choices=[('retry', 'Repeat it: its effect is the same twice'), ('unknown', 'Leave it unknown: a one-shot call is never repeated silently')], default='retry', max_length=7)),
                ('max_attempts', models.PositiveSmallIntegerField(default=3)),
                ('lease_seconds', models.PositiveSmallIntegerField(default=15)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(null=True)),
                ('handed_at', models.DateTimeField(null=True)),
                ('handovers', models.PositiveSmallIntegerField(default=0)),
                ('fence', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('holder', models.CharField(blank=True, max_length=120)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('result', models.JSONField(blank=True, default=dict)),
                ('error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'due')), fields=['not_before', 'slot_utc'], name='run_due'), models.Index(condition=models.Q(('state', 'running')), fields=['lease_until'], name='run_leased'), models.Index(fields=['key', '-slot_utc'], name='run_by_key'), models.Index(fields=['state', 'created_at'], name='run_retention')],
                'constraints': [models.UniqueConstraint(fields=('key', 'slot_utc'), name='run_slot_unique')],
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='schedule.run')),
                ('n', models.PositiveSmallIntegerField()),
                ('name', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('due', 'Due'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('unknown', 'Unknown'), ('skipped', 'Skipped')], default='running', max_length=8)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'n'), name='run_step_unique')],
            },
        ),
        migrations.CreateModel(
            name='LoopPulse',
            fields=[
                ('name', models.CharField(max_length=80, primary_key=True, serialize=False)),
                ('holder', models.CharField(max_length=120)),
                ('every', models.FloatField()),
                ('limit', models.FloatField()),
                ('pulse_at', models.DateTimeField()),
                ('ok_at', models.DateTimeField(help_text='End of the last pass that did not fail.', null=True)),
                ('items', models.BigIntegerField(default=0)),
                ('passes', models.BigIntegerField(default=0)),
                ('failures', models.BigIntegerField(default=0)),
                ('seconds', models.FloatField(default=0)),
                ('last_error', models.TextField(blank=True)),
                ('error_at', models.DateTimeField(null=True)),
            ],
        ),
    ]
