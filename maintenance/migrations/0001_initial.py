import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from opsportal.core.new_tables import NewTables


class Migration(NewTables):

    initial = True

    dependencies = [
        ('accounts', '__first__'),
        ('monitoring', '0001_initial'),
        ('plans', '0001_initial'),
        ('platforms', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChecklistTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checklist_templates', to='platforms.platform')),
                ('environment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.environment')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('mode', models.CharField(choices=[('do_confirm', 'Do, confirm'), ('read_do', 'Read, do')], default='do_confirm', max_length=12)),
                ('rule', models.CharField(help_text='cron text, five fields; the instant the list is opened for', max_length=80)),
                ('zone', models.CharField(max_length=64)),
                ('opens_before_minutes', models.PositiveIntegerField(default=30)),
                ('due_after_minutes', models.PositiveIntegerField(default=60)),
                ('is_active', models.BooleanField(default=True)),
                ('active_since', models.DateTimeField(help_text='No slot before this instant is owed.')),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
                ('note', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='checklist_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='ChecklistItemTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='maintenance.checklisttemplate')),
                ('key', models.SlugField(max_length=80)),
                ('position', models.PositiveSmallIntegerField()),
                ('section', models.CharField(blank=True, max_length=80)),
                ('text', models.CharField(max_length=240)),
                ('checks', models.JSONField(default=list, help_text='[{"check": "backup.fresh", "params": {…}}]')),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('template', 'key'), name='checklist_item_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='ChecklistRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checklist_runs', to='platforms.platform')),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='maintenance.checklisttemplate')),
                ('slot_at', models.DateTimeField(help_text='UTC instant of the local rule')),
                ('name', models.CharField(max_length=120)),
                ('zone', models.CharField(max_length=64)),
                ('opens_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Complete'), ('missed', 'Missed')], default='open', max_length=8)),
                ('item_count', models.PositiveSmallIntegerField(default=0)),
                ('answered_count', models.PositiveSmallIntegerField(default=0)),
                ('completed_at', models.DateTimeField(null=True)),
                ('missed_at', models.DateTimeField(null=True)),
                ('evidence_due_at', models.DateTimeField(help_text='When its checks are to run next.', null=True)),
                ('evidence_at', models.DateTimeField(help_text='When its checks last ran.', null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'open')), fields=['due_at'], name='checklist_run_open'), models.Index(condition=models.Q(('evidence_due_at__isnull', False)), fields=['evidence_due_at'], name='checklist_run_evidence_due'), models.Index(fields=['platform', '-slot_at', '-id'], name='checklist_run_recent')],
                'constraints': [models.UniqueConstraint(fields=('template', 'slot_at'), name='checklist_run_slot_unique')],
            },
        ),
        migrations.CreateModel(
            name='ChecklistItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='maintenance.checklistrun')),
                ('item_template', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='maintenance.checklistitemtemplate')),
                ('position', models.PositiveSmallIntegerField()),
                ('section', models.CharField(blank=True, max_length=80)),
                ('text', models.CharField(max_length=240)),
                ('checks', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('not_applicable', 'Not applicable')], default='open', max_length=16)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('answered_at', models.DateTimeField(null=True)),
                ('note', models.TextField(blank=True)),
                ('evidence', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='monitoring.evidenceresult')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('run', 'position'), name='checklist_item_position_unique')],
            },
        ),
        migrations.CreateModel(
            name='TickEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='maintenance.checklistitem')),
                ('kind', models.CharField(choices=[('ticked', 'Ticked'), ('unticked', 'Unticked'), ('not_applicable', 'Not applicable'), ('noted', 'Note'), ('evidence', 'Evidence')], max_length=16)),
                ('by_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField()),
                ('reason', models.TextField(blank=True)),
                ('evidence', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='monitoring.evidenceresult')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='HandOver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='platforms.platform')),
                ('run', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='maintenance.checklistrun')),
                ('body', models.TextField()),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['platform', '-created_at'], name='hand_over_recent')],
            },
        ),
        migrations.CreateModel(
            name='Window',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='windows', to='platforms.platform')),
                ('environment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.environment')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('window', 'Maintenance window'), ('freeze', 'Freeze')], default='window', max_length=8)),
                ('rule', models.CharField(blank=True, max_length=80)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('duration_minutes', models.PositiveIntegerField()),
                ('silences_alarms', models.BooleanField(default=True)),
                ('excludes_slo', models.BooleanField(default=True)),
                ('is_active', models.BooleanField(default=True)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
                ('note', models.TextField(blank=True)),
                ('services', models.ManyToManyField(blank=True, related_name='windows', to='platforms.service')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='window_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='WindowOccurrence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='window_occurrences', to='platforms.platform')),
                ('window', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='occurrences', to='maintenance.window')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('open', 'Open'), ('closed', 'Closed'), ('cancelled', 'Cancelled')], default='planned', max_length=10)),
                ('opened_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['planned', 'open'])), fields=['starts_at'], name='window_occurrence_open')],
                'constraints': [models.UniqueConstraint(fields=('window', 'starts_at'), name='window_occurrence_unique'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='window_has_length')],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='platforms.platform')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('kind', models.SlugField(max_length=40)),
                ('params', models.JSONField(blank=True, default=dict)),
                ('window', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='maintenance.window')),
                ('plan_lead_minutes', models.PositiveIntegerField(default=1440, help_text='How long before its window it is planned.')),
                ('is_active', models.BooleanField(default=True)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='job_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='JobRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='job_runs', to='platforms.platform')),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='maintenance.job')),
                ('occurrence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='job_runs', to='maintenance.windowoccurrence')),
                ('plan', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='job_run', to='plans.plan')),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('not_run', 'Not run'), ('unknown', 'Outcome unknown')], default='planned', max_length=10)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('evidence', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='monitoring.evidenceresult')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('job', 'occurrence'), name='job_run_once_per_window')],
            },
        ),
        migrations.CreateModel(
            name='OperationsLogEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='operations_log', to='platforms.platform')),
                ('at', models.DateTimeField()),
                ('kind', models.CharField(choices=[('note', 'Note'), ('checklist', 'Checklist'), ('hand_over', 'Hand-over'), ('window', 'Window'), ('job', 'Job')], max_length=12)),
                ('text', models.TextField()),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('url', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'indexes': [models.Index(fields=['platform', '-at', '-id'], name='operations_log_recent')],
            },
        ),
    ]
