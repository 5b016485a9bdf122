import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from opsportal.core.new_tables import NewTables


class Migration(NewTables):

    initial = True

    dependencies = [
        ('accounts', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Platform',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('key', models.SlugField(max_length=40, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('description', models.TextField(blank=True)),
                ('guide_title', models.CharField(blank=True, max_length=160)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Environment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='environments', to='platforms.platform')),
                ('key', models.SlugField(max_length=40)),
                ('name', models.CharField(max_length=80)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('is_production', models.BooleanField(default=False)),
                ('note', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='environment_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='Service',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='services', to='platforms.platform')),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='services', to='platforms.environment')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True)),
                ('selectors', models.JSONField(blank=True, default=dict)),
                ('note', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='service_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='platforms.platform')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('role', models.CharField(choices=[('viewer', 'Viewer'), ('manager', 'Manager'), ('auditor', 'Auditor'), ('operator', 'Operator'), ('commander', 'Commander'), ('admin', 'Admin')], max_length=12)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'user'), name='membership_unique')],
            },
        ),
        migrations.CreateModel(
            name='SeverityScheme',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='severity_schemes', to='platforms.platform')),
                ('kind', models.CharField(choices=[('alert', 'Alert levels'), ('incident', 'Incident severities')], max_length=8)),
                ('name', models.CharField(max_length=80)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'kind'), name='scheme_kind_unique')],
            },
        ),
        migrations.CreateModel(
            name='Severity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('scheme', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='severities', to='platforms.severityscheme')),
                ('rank', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(5)])),
                ('label', models.CharField(max_length=20)),
                ('name', models.CharField(blank=True, max_length=80)),
                ('description', models.TextField(blank=True)),
                ('paging', models.CharField(blank=True, help_text="the guide's paging rule, as text", max_length=160)),
                ('pages', models.BooleanField(default=False)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('scheme', 'label'), name='severity_label_unique'), models.CheckConstraint(condition=models.Q(('rank__gte', 1), ('rank__lte', 5)), name='severity_rank_1_to_5')],
            },
        ),
        migrations.CreateModel(
            name='SeverityAlias',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='severity_aliases', to='platforms.platform')),
                ('source', models.CharField(max_length=40)),
                ('word', models.CharField(max_length=40)),
                ('severity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='aliases', to='platforms.severity')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'source', 'word'), name='alias_unique')],
            },
        ),
        migrations.CreateModel(
            name='BusinessCalendar',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calendars', to='platforms.platform')),
                ('key', models.SlugField(max_length=40)),
                ('name', models.CharField(max_length=80)),
                ('zone', models.CharField(default='UTC', max_length=64)),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), help_text='ISO weekdays, Monday is 1', size=None)),
                ('opens_at', models.TimeField()),
                ('closes_at', models.TimeField()),
                ('holidays', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, size=None)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='calendar_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='contacts', to='platforms.platform')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('duty', models.CharField(blank=True, max_length=120)),
                ('level', models.PositiveSmallIntegerField(default=0)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('phone', models.CharField(blank=True, max_length=40)),
                ('note', models.TextField(blank=True)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='contact_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='Link',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='links', to='platforms.platform')),
                ('key', models.SlugField(max_length=60)),
                ('name', models.CharField(max_length=120)),
                ('url', models.CharField(max_length=400)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'key'), name='link_key_unique')],
            },
        ),
    ]
