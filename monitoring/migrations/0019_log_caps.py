"""The cap on what questions to the logs read, what forgotten runs came to, and what a mirrored alarm reads."""

import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0018_overtaken'),
        ('platforms', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ForgottenLogRuns',
            fields=[
                ('state', models.CharField(choices=[('waiting', 'waits for a worker'), ('running', 'running'), ('done', 'answered'), ('failed', 'failed'), ('stopped', 'stopped'), ('lost', 'lost')], max_length=8, primary_key=True, serialize=False)),
                ('runs', models.PositiveBigIntegerField(default=0)),
                ('bytes_scanned', models.PositiveBigIntegerField(default=0)),
                ('cost_usd', models.DecimalField(decimal_places=6, default=Decimal('0'), max_digits=16)),
            ],
        ),
        migrations.CreateModel(
            name='LogCap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('gb_a_month', models.PositiveIntegerField(default=1000, help_text='of 2³⁰ bytes; 0: none is asked')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='alarm',
            name='reads',
            field=models.JSONField(db_default={}, default=dict, help_text="CloudWatch's: namespace, dimensions of its metric"),
        ),
        migrations.AddField(
            model_name='logcap',
            name='platform',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='log_cap', to='platforms.platform'),
        ),
    ]
