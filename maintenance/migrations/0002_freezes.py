from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('maintenance', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='windowoccurrence',
            name='reason',
            field=models.CharField(blank=True, db_default='', default='', max_length=240),
        ),
        migrations.AddField(
            model_name='windowoccurrence',
            name='asked_by_name',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
        migrations.AddField(
            model_name='windowoccurrence',
            name='end_reason',
            field=models.CharField(blank=True, db_default='', default='', max_length=400),
        ),
        migrations.AddField(
            model_name='windowoccurrence',
            name='ended_by_name',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
    ]
