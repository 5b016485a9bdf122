from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0017_dashboards'),
    ]

    operations = [
        migrations.AlterField(
            model_name='deployment',
            name='state',
            field=models.CharField(choices=[('in_progress', 'in progress'), ('completed', 'completed'), ('failed', 'failed'), ('overtaken', 'overtaken, never out'), ('rolled_back', 'rolled back')], max_length=16),
        ),
    ]
