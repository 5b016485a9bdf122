"""What the app's database role may do, decided per model and granted after every migrate.

The owner role migrates; the app role runs. A model's `app_role_rights` narrows the default.
"""

from typing import Final

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

DEFAULT_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


def grant_statements(app_role: str) -> list[str]:
    """The SQL that gives `app_role` exactly its rights on every table of ours."""
    role = f'"{app_role}"'
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
    ]
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed:
            continue
        rights = ", ".join(getattr(model, "app_role_rights", DEFAULT_RIGHTS))
        statements.append(f'GRANT {rights} ON "{model._meta.db_table}" TO {role}')
    statements.append(f"GRANT SELECT ON django_migrations TO {role}")
    return statements


def grant_app_role(connection: BaseDatabaseWrapper, app_role: str) -> None:
    """Run the grants on the owner's connection, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(grant_statements(app_role)))
