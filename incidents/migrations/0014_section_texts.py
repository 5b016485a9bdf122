import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What stands is the first that is kept of a section; what stood before it was not kept.
PRESENT = """
INSERT INTO incidents_sectiontext (section_id, version, body, saved_by_id, saved_at)
SELECT s.id, s.version, s.body, s.edited_by_id, coalesce(s.edited_at, r.drafted_at)
FROM incidents_reviewsection s JOIN incidents_review r ON r.id = s.review_id
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0013_waves"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="SectionText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(help_text="the section's")),
                ("body", models.TextField(blank=True)),
                ("saved_at", models.DateTimeField()),
                (
                    "saved_by",
                    models.ForeignKey(
                        help_text="None: drafted from the record",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "section",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="texts",
                        to="incidents.reviewsection",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("section", "version"), name="section_text_unique")],
            },
        ),
        migrations.RunSQL(PRESENT, migrations.RunSQL.noop),
    ]
