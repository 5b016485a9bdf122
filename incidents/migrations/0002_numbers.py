from django.db import migrations


class Migration(migrations.Migration):
    """INC-n and ACT-n run portal-wide, so they come from sequences of their own."""

    dependencies = [("incidents", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE incidents_incident_number; CREATE SEQUENCE incidents_action_number;",
            "DROP SEQUENCE incidents_incident_number; DROP SEQUENCE incidents_action_number;",
        ),
    ]
