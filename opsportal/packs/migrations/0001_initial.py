import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from opsportal.core.new_tables import NewTables


class Migration(NewTables):

    initial = True

    dependencies = [
        ('platforms', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PackObject',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pack_objects', to='platforms.platform')),
                ('kind', models.CharField(max_length=24)),
                ('key', models.CharField(max_length=120)),
                ('applied_hash', models.CharField(max_length=64)),
                ('applied_at', models.DateTimeField()),
                ('pack_version', models.CharField(max_length=20)),
                ('declared', models.JSONField(default=dict, help_text='the object as the pack has it, notes and conflicts included')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'kind', 'key'), name='pack_object_unique')],
            },
        ),
        migrations.CreateModel(
            name='PolicyEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='policy_entries', to='platforms.platform')),
                ('group', models.CharField(max_length=24)),
                ('key', models.SlugField(max_length=60)),
                ('title', models.CharField(max_length=120)),
                ('value', models.TextField(blank=True)),
                ('figures', models.JSONField(blank=True, default=dict, help_text='the same as numbers, e.g. rto_minutes')),
                ('note', models.TextField(blank=True)),
                ('conflicts', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=3), blank=True, default=list, size=None)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'group', 'key'), name='policy_entry_unique')],
            },
        ),
    ]
