from django.db import migrations


class Migration(migrations.Migration):
    """No run is made of steps: nothing ever wrote one. The empty table stays for the release that still names it."""

    dependencies = [("schedule", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name="Step")],
        ),
    ]
