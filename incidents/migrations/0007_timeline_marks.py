import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0006_clock_rules'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='timelineentry',
            name='kind',
            field=models.CharField(choices=[('log', 'Log'), ('decision', 'Decision'), ('alarm', 'Alarm'), ('metric', 'Metric'), ('state', 'State'), ('stage', 'Stage'), ('severity', 'Severity'), ('role', 'Role'), ('update', 'Update'), ('clock', 'Clock'), ('triage', 'Triage'), ('access', 'Access'), ('review', 'Review'), ('runbook', 'Runbook'), ('task', 'Task'), ('graph', 'Graph'), ('file', 'File')], max_length=10),
        ),
        migrations.CreateModel(
            name='Attachment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('media_type', models.CharField(max_length=20)),
                ('size', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('content', models.BinaryField()),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='attachment', to='incidents.timelineentry')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attachments', to='incidents.incident')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='EntryMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('pin', 'Pinned'), ('star', 'Starred'), ('tag', 'Tagged')], max_length=4)),
                ('text', models.CharField(blank=True, help_text='the word of a tag', max_length=40)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('entry', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='marks', to='incidents.timelineentry')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='marks', to='incidents.incident')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'star'), _negated=True), fields=('entry', 'kind', 'text'), name='entry_mark_once'), models.UniqueConstraint(condition=models.Q(('kind', 'star')), fields=('entry', 'by'), name='entry_star_once'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'tag'), models.Q(('text', ''), _negated=True)), models.Q(models.Q(('kind', 'tag'), _negated=True), ('text', '')), _connector='OR'), name='entry_mark_tag_has_word')],
            },
        ),
        migrations.CreateModel(
            name='LastLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_number', models.PositiveIntegerField()),
                ('last_at', models.DateTimeField()),
                ('since_number', models.PositiveIntegerField(null=True)),
                ('since_at', models.DateTimeField(null=True)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='incidents.incident')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('incident', 'user'), name='last_look_unique')],
            },
        ),
        migrations.CreateModel(
            name='ResponseTask',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('title', models.CharField(max_length=200)),
                ('due_at', models.DateTimeField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('reminded_at', models.DateTimeField(null=True)),
                ('done_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='task', to='incidents.timelineentry')),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tasks', to='incidents.incident')),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('done_at__isnull', True), ('reminded_at__isnull', True)), fields=['due_at'], name='task_to_remind')],
            },
        ),
    ]
