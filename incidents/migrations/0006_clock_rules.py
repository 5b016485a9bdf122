import datetime
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0006_runbook_runs'),
        ('platforms', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CalendarFeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('secret_hmac', models.BinaryField(max_length=32, unique=True)),
                ('created_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ContactPage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contact_name', models.CharField(max_length=120)),
                ('level', models.PositiveSmallIntegerField(help_text='place in the chain, 1 first')),
                ('reason', models.CharField(max_length=200)),
                ('asked_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text='now, or when the page calendar next opens')),
                ('sent_at', models.DateTimeField(null=True)),
                ('dropped_at', models.DateTimeField(help_text='someone took it, or it was over, before it was due', null=True)),
            ],
        ),
        migrations.AddField(
            model_name='clockpolicy',
            name='due_on',
            field=models.DateField(help_text='the day a next sprint ends; until it is set, no number', null=True),
        ),
        migrations.AddField(
            model_name='clockpolicy',
            name='due_rule',
            field=models.CharField(choices=[('minutes', 'Minutes'), ('next_business_day', 'Next business day'), ('next_sprint', 'Next sprint')], default='minutes', max_length=20),
        ),
        migrations.AddField(
            model_name='clockpolicy',
            name='may_pause',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='clockpolicy',
            name='warn_share',
            field=models.FloatField(help_text="of the time, from 0 to 1; None: the portal's default", null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='left',
            field=models.DurationField(help_text='of a paused clock, as its rule counts time; None: no number', null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='pause_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='paused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='paused_for',
            field=models.DurationField(default=datetime.timedelta(0), help_text='in pauses that are over'),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='reminded_at',
            field=models.DateTimeField(help_text='when somebody was last told that it is still missed', null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='warn_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='warn_left',
            field=models.DurationField(help_text='until its warning, of a paused clock', null=True),
        ),
        migrations.AddField(
            model_name='incidentclock',
            name='warned_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='clockpolicy',
            name='kind',
            field=models.CharField(choices=[('acknowledge', 'Acknowledge'), ('respond', 'Respond'), ('escalate', 'Escalate'), ('update', 'Status update'), ('resolve', 'Resolve'), ('stakeholder', 'Stakeholders told'), ('review', 'Review published'), ('breach', 'Authority told'), ('page', 'Page')], max_length=12),
        ),
        migrations.AlterField(
            model_name='incidentclock',
            name='due_at',
            field=models.DateTimeField(help_text='None: the guide gives no number, or the clock is paused', null=True),
        ),
        migrations.AlterField(
            model_name='incidentclock',
            name='kind',
            field=models.CharField(choices=[('acknowledge', 'Acknowledge'), ('respond', 'Respond'), ('escalate', 'Escalate'), ('update', 'Status update'), ('resolve', 'Resolve'), ('stakeholder', 'Stakeholders told'), ('review', 'Review published'), ('breach', 'Authority told'), ('page', 'Page')], max_length=12),
        ),
        migrations.AddIndex(
            model_name='incidentclock',
            index=models.Index(condition=models.Q(('stopped_at__isnull', True), ('warned_at__isnull', True)), fields=['warn_at'], name='clock_to_warn'),
        ),
        migrations.AddIndex(
            model_name='incidentclock',
            index=models.Index(condition=models.Q(('outcome', 'missed')), fields=['-due_at', '-id'], name='clock_missed_newest'),
        ),
        migrations.AddIndex(
            model_name='incidentclock',
            index=models.Index(fields=['started_at'], name='clock_started'),
        ),
        migrations.AddField(
            model_name='calendarfeed',
            name='user',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='calendar_feed', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='contactpage',
            name='contact',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='platforms.contact'),
        ),
        migrations.AddField(
            model_name='contactpage',
            name='incident',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pages', to='incidents.incident'),
        ),
        migrations.AddIndex(
            model_name='contactpage',
            index=models.Index(condition=models.Q(('dropped_at__isnull', True), ('sent_at__isnull', True)), fields=['due_at'], name='page_to_send'),
        ),
        migrations.AddConstraint(
            model_name='contactpage',
            constraint=models.UniqueConstraint(fields=('incident', 'level', 'reason'), name='page_once'),
        ),
    ]
