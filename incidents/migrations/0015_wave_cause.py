from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0014_section_texts")]

    operations = [
        migrations.AddField(
            model_name="incidentwave", name="cause", field=models.TextField(blank=True, db_default="", default="")
        ),
    ]
