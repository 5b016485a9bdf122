from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0010_cost_reading")]

    operations = [
        migrations.AddField(model_name="probe", name="asked_since", field=models.DateTimeField(null=True)),
        # The answers of a probe that stands already are all of its question, as far as anybody knows.
        migrations.RunSQL("UPDATE monitoring_probe SET asked_since = created_at", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="probe",
            name="asked_since",
            field=models.DateTimeField(help_text="earlier answers are of another question and decide nothing"),
        ),
    ]
