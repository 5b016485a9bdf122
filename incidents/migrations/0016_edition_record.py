"""An edition keeps the record that its text stood on; of those published before this nothing is known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0015_wave_cause")]
    operations = [
        migrations.AddField(
            "reviewedition",
            "record",
            models.JSONField(
                db_default={},
                default=dict,
                help_text="what stood beside the text then; empty where it was not kept",
            ),
        )
    ]
