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
            name='OutboxMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('kind', models.CharField(max_length=60)),
                ('channel', models.CharField(choices=[('email', 'E-mail')], max_length=12)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('platform', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('target', models.CharField(max_length=254)),
                ('subject', models.CharField(max_length=200)),
                ('body', models.TextField()),
                ('url', models.CharField(blank=True, max_length=300)),
                ('group_key', models.CharField(blank=True, max_length=120)),
                ('at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('not_before', models.DateTimeField()),
                ('lease_until', models.DateTimeField(null=True)),
                ('holder', models.CharField(blank=True, max_length=120)),
                ('fence', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('sent_at', models.DateTimeField(null=True)),
                ('parked_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('parked_at', None), ('sent_at', None)), fields=['not_before', 'id'], name='outbox_pending'), models.Index(condition=models.Q(('parked_at__isnull', False)), fields=['parked_at'], name='outbox_parked'), models.Index(fields=['-created_at', '-id'], name='outbox_latest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('sent_at__isnull', True), ('parked_at__isnull', True), _connector='OR'), name='outbox_one_end')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to=settings.AUTH_USER_MODEL)),
                ('key', models.CharField(max_length=200)),
                ('kind', models.CharField(max_length=60)),
                ('platform', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='platforms.platform')),
                ('subject', models.CharField(max_length=200)),
                ('body', models.TextField(blank=True)),
                ('url', models.CharField(blank=True, max_length=300)),
                ('group_key', models.CharField(blank=True, max_length=120)),
                ('at', models.DateTimeField()),
                ('read_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['user', '-at', '-id'], name='notice_of_user'), models.Index(condition=models.Q(('read_at', None)), fields=['user'], name='notice_unread')],
                'constraints': [models.UniqueConstraint(fields=('user', 'key'), name='notice_unique')],
            },
        ),
    ]
