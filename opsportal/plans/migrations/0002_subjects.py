from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("plans", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="plan",
            name="subject",
            field=models.CharField(blank=True, default="", help_text="what it was asked for, such as INC-12", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="approval",
            name="is_break_glass",
            field=models.BooleanField(default=False, help_text="of one's own plan, alone, in an emergency"),
        ),
        migrations.AlterField(
            model_name="plancall",
            name="risk",
            field=models.CharField(
                choices=[
                    ("read", "Reads only"),
                    ("repeatable", "May be repeated"),
                    ("absolute", "Sets a state, may be repeated"),
                    ("named", "Makes one named thing, found again instead of made twice"),
                    ("one_shot", "At most once"),
                ],
                max_length=12,
            ),
        ),
        AddIndexConcurrently(
            model_name="plan",
            index=models.Index(condition=~models.Q(subject=""), fields=["subject"], name="plan_by_subject"),
        ),
    ]
