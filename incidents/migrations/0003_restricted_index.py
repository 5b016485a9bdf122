from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_numbers")]

    operations = [
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(condition=models.Q(is_restricted=True), fields=["platform"], name="incident_restricted"),
        ),
    ]
