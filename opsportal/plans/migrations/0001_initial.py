import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from opsportal.core.new_tables import NewTables


class Migration(NewTables):

    initial = True

    dependencies = [
        ('accounts', '__first__'),
        ('platforms', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Plan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='plans', to='platforms.platform')),
                ('kind', models.SlugField(max_length=40)),
                ('title', models.CharField(max_length=160)),
                ('effect', models.TextField()),
                ('content_hash', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('awaiting', 'Waiting for approval'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('unknown', 'Outcome unknown')], default='awaiting', max_length=12)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('requested_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('starts_after', models.DateTimeField(help_text="Not before this instant: the window's opening.", null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['awaiting', 'approved', 'running'])), fields=['platform', 'expires_at'], name='plan_open')],
            },
        ),
        migrations.CreateModel(
            name='PlanCall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='plans.plan')),
                ('position', models.PositiveSmallIntegerField()),
                ('operation', models.CharField(max_length=80)),
                ('target', models.CharField(max_length=200)),
                ('params', models.JSONField(default=dict)),
                ('effect', models.CharField(blank=True, max_length=240)),
                ('risk', models.CharField(choices=[('read', 'Reads only'), ('repeatable', 'May be repeated'), ('one_shot', 'At most once')], max_length=12)),
                ('state', models.CharField(choices=[('pending', 'To do'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('skipped', 'Skipped'), ('unknown', 'Outcome unknown')], default='pending', max_length=8)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('result', models.JSONField(default=dict, help_text='before and after values, answer digest')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('plan', 'position'), name='plan_call_position_unique')],
            },
        ),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='plans.plan')),
                ('content_hash', models.CharField(max_length=64)),
                ('verdict', models.CharField(choices=[('approved', 'Approved'), ('rejected', 'Rejected')], max_length=8)),
                ('reason', models.TextField(blank=True)),
                ('by_user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('at', models.DateTimeField()),
                ('mfa_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('plan', 'by_user'), name='approval_once_per_person')],
            },
        ),
    ]
