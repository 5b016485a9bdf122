import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knowledge', '0002_decision_supersedes'),
        ('platforms', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Runbook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('slug', models.SlugField(max_length=80)),
                ('title', models.CharField(max_length=160)),
                ('summary', models.CharField(blank=True, max_length=300)),
                ('triggers', models.JSONField(default=dict, help_text='alarms (rule keys), services (keys), types, tags')),
                ('owner', models.CharField(blank=True, help_text='a person or a team', max_length=120)),
                ('review_due', models.DateField(blank=True, null=True)),
                ('note', models.TextField(blank=True)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runbooks', to='platforms.platform')),
            ],
        ),
        migrations.CreateModel(
            name='RunbookRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('is_practice', models.BooleanField(default=False)),
                ('subject', models.CharField(blank=True, help_text='what it is carried out for, such as INC-12', max_length=60)),
                ('state', models.CharField(choices=[('running', 'running'), ('finished', 'finished'), ('stopped', 'stopped before its end')], default='running', max_length=8)),
                ('position', models.PositiveSmallIntegerField(default=1)),
                ('step_since', models.DateTimeField()),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('needs_change', models.BooleanField(help_text='does the runbook need a change? null: not answered', null=True)),
                ('wanted_change', models.TextField(blank=True)),
                ('holder', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runbook_runs', to='platforms.platform')),
                ('runbook', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='knowledge.runbook')),
                ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RunbookStepRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.PositiveSmallIntegerField()),
                ('attempt', models.PositiveSmallIntegerField()),
                ('outcome', models.CharField(choices=[('asked', 'asked'), ('done', 'done'), ('skipped', 'skipped'), ('failed', 'failed'), ('chosen', 'chosen')], max_length=8)),
                ('output', models.TextField(blank=True, help_text='what a person pasted or noted')),
                ('choice', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, help_text='why it was skipped or failed', max_length=300)),
                ('started_at', models.DateTimeField()),
                ('at', models.DateTimeField()),
                ('by_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='step_runs', to='knowledge.runbookrun')),
            ],
        ),
        migrations.CreateModel(
            name='RunbookStepAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(blank=True, max_length=8)),
                ('summary', models.CharField(max_length=300)),
                ('columns', models.JSONField(default=list)),
                ('rows', models.JSONField(default=list)),
                ('url', models.CharField(blank=True, help_text='where it goes on, such as a plan', max_length=200)),
                ('fetched_at', models.DateTimeField(help_text='age of the data, not of the question')),
                ('at', models.DateTimeField()),
                ('step_run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='answer', to='knowledge.runbooksteprun')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RunbookVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('body', models.TextField(help_text='Markdown, as opsportal.knowledge.runbooks reads it')),
                ('front', models.JSONField(default=dict, help_text='title, summary, triggers, owner and review date of that time')),
                ('at', models.DateTimeField()),
                ('note', models.CharField(blank=True, help_text='what changed, and why', max_length=300)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('runbook', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='knowledge.runbook')),
            ],
        ),
        migrations.AddField(
            model_name='runbookrun',
            name='text',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='knowledge.runbookversion'),
        ),
        migrations.AddField(
            model_name='runbook',
            name='current',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='knowledge.runbookversion'),
        ),
        migrations.AddConstraint(
            model_name='runbooksteprun',
            constraint=models.UniqueConstraint(fields=('run', 'step', 'attempt'), name='runbook_step_attempt_unique'),
        ),
        migrations.AddConstraint(
            model_name='runbookversion',
            constraint=models.UniqueConstraint(fields=('runbook', 'number'), name='runbook_version_unique'),
        ),
        migrations.AddIndex(
            model_name='runbookrun',
            index=models.Index(fields=['runbook', '-started_at'], name='runbook_run_newest'),
        ),
        migrations.AddIndex(
            model_name='runbookrun',
            index=models.Index(fields=['platform', '-started_at'], name='runbook_run_of_platform'),
        ),
        migrations.AddConstraint(
            model_name='runbook',
            constraint=models.UniqueConstraint(fields=('platform', 'slug'), name='runbook_slug_unique'),
        ),
    ]
