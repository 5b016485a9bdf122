from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0015_deployment_restart'),
    ]

    operations = [
        migrations.AlterField(
            model_name='annotation',
            name='kind',
            field=models.CharField(choices=[('incident', 'Incident'), ('window', 'Maintenance window'), ('freeze', 'Freeze'), ('deployment', 'Deployment'), ('drill', 'Drill'), ('note', 'Note')], max_length=12),
        ),
    ]
