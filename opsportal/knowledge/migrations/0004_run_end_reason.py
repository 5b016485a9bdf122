from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0003_runbooks")]

    operations = [
        migrations.AddField(
            model_name="runbookrun",
            name="end_reason",
            field=models.CharField(
                blank=True, default="", help_text="why it was left before its last step", max_length=300
            ),
            preserve_default=False,
        ),
    ]
