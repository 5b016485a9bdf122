import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0005_poll_run_newest'),
        ('platforms', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='alarm',
            name='key',
            field=models.CharField(help_text='rule key, alarm ARN, source and group, or portal key', max_length=255),
        ),
        migrations.AlterField(
            model_name='alarm',
            name='origin',
            field=models.CharField(choices=[('rule', 'portal rule'), ('cloudwatch', 'CloudWatch'), ('alert', 'outside source'), ('portal', 'the portal itself')], max_length=12),
        ),
        migrations.CreateModel(
            name='AlertSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('kind', models.CharField(choices=[('sns', 'Amazon SNS'), ('alertmanager', 'Alertmanager'), ('grafana', 'Grafana'), ('eventbridge', 'EventBridge'), ('statuscake', 'StatusCake'), ('pingdom', 'Pingdom'), ('generic', 'Other (JSON)'), ('mail', 'E-mail')], max_length=16)),
                ('name', models.CharField(max_length=80)),
                ('key_hash', models.BinaryField(max_length=32, unique=True)),
                ('old_key_hash', models.BinaryField(db_index=True, max_length=32, null=True)),
                ('old_key_until', models.DateTimeField(help_text='real time; until then the link before this one works', null=True)),
                ('mapping', models.JSONField(blank=True, default=dict)),
                ('opens_incident', models.BooleanField(default=False)),
                ('takes_raw', models.BooleanField(default=False, help_text='SNS raw delivery: unsigned, the link alone is its proof')),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alert_sources', to='platforms.platform')),
                ('service', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.service')),
                ('severity', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.severity')),
            ],
        ),
        migrations.AddField(
            model_name='alarm',
            name='alert_source',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alarms', to='monitoring.alertsource'),
        ),
        migrations.CreateModel(
            name='AlertSubject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(max_length=40)),
                ('title', models.CharField(max_length=240)),
                ('url', models.CharField(blank=True, max_length=500)),
                ('is_firing', models.BooleanField(default=False)),
                ('since', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('count', models.PositiveIntegerField(default=0, help_text='alerts about it')),
                ('alarm', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='subjects', to='monitoring.alarm')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subjects', to='monitoring.alertsource')),
            ],
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_number', models.BigIntegerField(help_text='id of the message, which is kept for a while only')),
                ('dedup', models.CharField(max_length=40)),
                ('title', models.CharField(max_length=240)),
                ('text', models.CharField(blank=True, max_length=2000)),
                ('url', models.CharField(blank=True, max_length=500)),
                ('severity_word', models.CharField(blank=True, max_length=40)),
                ('labels', models.JSONField(default=dict)),
                ('is_firing', models.BooleanField()),
                ('is_late', models.BooleanField(default=False)),
                ('silenced', models.BooleanField(default=False)),
                ('at', models.DateTimeField(help_text='when it happened, as the source says')),
                ('received_at', models.DateTimeField()),
                ('alarm', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='monitoring.alarm')),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='monitoring.alertsource')),
                ('subject', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='monitoring.alertsubject')),
            ],
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('received_at', models.DateTimeField()),
                ('stored_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, help_text='real time')),
                ('headers', models.JSONField(default=dict)),
                ('body', models.BinaryField()),
                ('verdict', models.CharField(choices=[('waiting', 'waits'), ('accepted', 'accepted'), ('repeat', 'known already'), ('confirmed', 'subscription'), ('held', 'topic not approved'), ('paused', 'source paused'), ('refused', 'refused'), ('unreadable', 'unreadable'), ('failed', 'failed')], default='waiting', max_length=12)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('alerts', models.PositiveIntegerField(default=0, help_text='new ones')),
                ('repeats', models.PositiveIntegerField(default=0, help_text='alerts in it that were known already')),
                ('topic', models.CharField(blank=True, max_length=300)),
                ('judged_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(help_text='real time of the next attempt', null=True)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('replay_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replays', to='monitoring.inboundmessage')),
                ('replayed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='monitoring.alertsource')),
            ],
        ),
        migrations.CreateModel(
            name='SnsTopic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('arn', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('waiting', 'waits for approval'), ('allowed', 'allowed'), ('refused', 'refused')], default='waiting', max_length=8)),
                ('first_seen_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('confirm_token', models.CharField(blank=True, max_length=1024)),
                ('confirm_after', models.DateTimeField(help_text='real time', null=True)),
                ('confirm_attempts', models.PositiveSmallIntegerField(default=0)),
                ('confirm_error', models.CharField(blank=True, max_length=300)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='topics', to='monitoring.alertsource')),
            ],
        ),
        migrations.CreateModel(
            name='AlarmRating',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('word', models.CharField(choices=[('useful', 'useful'), ('no_action', 'no action'), ('noise', 'noise')], max_length=12)),
                ('rated_at', models.DateTimeField()),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('transition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ratings', to='monitoring.alarmtransition')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('transition', 'user'), name='alarm_rating_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='alertsource',
            constraint=models.UniqueConstraint(fields=('platform', 'name'), name='alert_source_name_unique'),
        ),
        migrations.AddIndex(
            model_name='alertsubject',
            index=models.Index(fields=['alarm', '-is_firing', '-last_at', '-id'], name='alert_subject_of_alarm'),
        ),
        migrations.AddIndex(
            model_name='alertsubject',
            index=models.Index(condition=models.Q(('is_firing', True)), fields=['alarm'], name='alert_subject_firing'),
        ),
        migrations.AddConstraint(
            model_name='alertsubject',
            constraint=models.UniqueConstraint(fields=('source', 'fingerprint'), name='alert_subject_unique'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['alarm', '-id'], name='alert_of_alarm'),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(fields=['platform', '-id'], name='alert_recent'),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('source', 'dedup'), name='alert_once'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('verdict', 'waiting')), fields=['id'], name='inbound_waiting'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(fields=['platform', '-id'], name='inbound_recent'),
        ),
        migrations.AddIndex(
            model_name='snstopic',
            index=models.Index(condition=models.Q(('confirm_token', ''), _negated=True), fields=['confirm_after'], name='sns_topic_to_confirm'),
        ),
        migrations.AddConstraint(
            model_name='snstopic',
            constraint=models.UniqueConstraint(fields=('source', 'arn'), name='sns_topic_unique'),
        ),
    ]
