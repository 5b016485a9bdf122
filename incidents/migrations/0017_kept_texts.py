"""Retrospectives, problems and cause chains keep every text; what stands now is the first that is kept of each."""

from collections.abc import Iterable
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


def _as_one(parts: Iterable[tuple[str, str]]) -> str:
    found = list(parts)
    if not any(text.strip() for _title, text in found):
        return ""
    return "\n\n".join(f"## {title}\n\n{text}".rstrip() for title, text in found)


def _chain(causes: list[Any], parent_id: int | None = None, depth: int = 0) -> list[str]:
    lines = []
    for cause in causes:
        if cause.parent_id == parent_id:
            lines.append(f"{'  ' * depth}- {cause.text} ({cause.get_kind_display().lower()})")
            lines += _chain(causes, cause.pk, depth + 1)
    return lines


def keep_present(apps: Any, editor: Any) -> None:
    """Keep what stands, as saved by no person now; what stood before it was not kept."""
    at = timezone.now()

    def rows(name: str) -> Any:
        return apps.get_model("incidents", name).objects.using(editor.connection.alias)

    for row in rows("Retrospective").all():
        body = _as_one((("Went well", row.well), ("To improve", row.improve), ("What follows", row.actions)))
        rows("RetrospectiveText").create(retrospective=row, version=row.version, body=body, saved_at=at)
    for row in rows("Problem").all():
        texts = (("Impact", row.impact), ("Analysis", row.analysis), ("Known workaround", row.workaround))
        body = _as_one((("Title", row.title), *texts))
        rows("ProblemText").create(problem=row, version=row.version, body=body, saved_at=at)
    for row in rows("Review").filter(causes__isnull=False).distinct().prefetch_related("causes"):
        body = "\n".join(_chain(sorted(row.causes.all(), key=lambda cause: cause.pk)))
        rows("CauseText").create(review=row, version=row.version, body=body, saved_at=at)


def _fields(owner: str, model: str, related_name: str) -> list[tuple[str, Any]]:
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("version", models.PositiveIntegerField(help_text="of the row that it is a text of")),
        ("body", models.TextField(blank=True)),
        ("saved_at", models.DateTimeField()),
        ("saved_by", _saved_by()),
        (
            owner,
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name=related_name, to=f"incidents.{model}"
            ),
        ),
    ]


def _saved_by() -> Any:
    return models.ForeignKey(
        help_text="None: no person",
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0016_edition_record"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField("sectiontext", "saved_by", _saved_by()),
        migrations.AlterField(
            "sectiontext", "version", models.PositiveIntegerField(help_text="of the row that it is a text of")
        ),
        *(
            migrations.CreateModel(
                name=name,
                fields=_fields(owner, model, related_name),
                options={"constraints": [models.UniqueConstraint(fields=(owner, "version"), name=constraint)]},
            )
            for name, owner, model, related_name, constraint in (
                ("CauseText", "review", "review", "cause_texts", "cause_text_unique"),
                ("ProblemText", "problem", "problem", "texts", "problem_text_unique"),
                ("RetrospectiveText", "retrospective", "retrospective", "texts", "retrospective_text_unique"),
            )
        ),
        migrations.RunPython(keep_present, migrations.RunPython.noop, elidable=True),
    ]
