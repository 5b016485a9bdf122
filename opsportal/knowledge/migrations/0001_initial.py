import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('platforms', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('platform', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='platforms.platform')),
                ('number', models.PositiveIntegerField()),
                ('title', models.CharField(max_length=160)),
                ('status', models.CharField(choices=[('proposed', 'proposed'), ('accepted', 'accepted'), ('rejected', 'rejected'), ('deprecated', 'deprecated'), ('superseded', 'superseded'), ('unknown', 'not in guide')], default='proposed', max_length=12)),
                ('date', models.DateField(blank=True, null=True)),
                ('context', models.TextField(blank=True)),
                ('decision', models.TextField(blank=True)),
                ('consequences', models.TextField(blank=True, help_text="lines '- Good, because: …' and '- Bad, because: …'")),
                ('alternatives', models.TextField(blank=True)),
                ('implementation', models.TextField(blank=True)),
                ('location', models.CharField(blank=True, help_text='where the full text is kept, when not here', max_length=240)),
                ('note', models.TextField(blank=True)),
                ('source', models.CharField(choices=[('guide', 'guide'), ('portal_default', 'portal default'), ('not_in_guide', 'not in guide'), ('edited', 'edited here')], default='guide', max_length=16)),
                ('source_text', models.CharField(blank=True, max_length=160)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('platform', 'number'), name='decision_number_unique')],
            },
        ),
    ]
