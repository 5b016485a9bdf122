from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_latest_index")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["verb"], name="audit_verb", opclasses=["varchar_pattern_ops"]),
        ),
    ]
