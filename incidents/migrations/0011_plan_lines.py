from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0010_review_published")]

    operations = [
        migrations.AlterField(
            model_name="timelineentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("log", "Log"),
                    ("decision", "Decision"),
                    ("alarm", "Alarm"),
                    ("metric", "Metric"),
                    ("state", "State"),
                    ("stage", "Stage"),
                    ("severity", "Severity"),
                    ("role", "Role"),
                    ("update", "Update"),
                    ("clock", "Clock"),
                    ("triage", "Triage"),
                    ("access", "Access"),
                    ("review", "Review"),
                    ("runbook", "Runbook"),
                    ("plan", "Plan"),
                    ("task", "Task"),
                    ("graph", "Graph"),
                    ("file", "File"),
                ],
                max_length=10,
            ),
        ),
    ]
