from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_partitions")]

    operations = [
        migrations.AddField(
            model_name="awsaccount",
            name="act_role_arn",
            field=models.CharField(
                blank=True, default="", help_text="for approved plans; empty: nothing is changed there", max_length=200
            ),
            preserve_default=False,
        ),
    ]
