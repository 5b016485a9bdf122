"""What the app's database role may do, decided per model and granted after every migrate.

The owner role migrates; the app role runs. A model's `app_role_rights` narrows the default; SQL functions that
the app role may call are registered by the app that owns them.
"""

from typing import Final

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

DEFAULT_RIGHTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_functions: set[str] = set()


def register_function(signature: str) -> None:
    """Let the app role, and nobody else, call e.g. `audit_append(bigint, text)`; from AppConfig.ready."""
    _functions.add(signature)


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def grant_statements(app_role: str, connection: BaseDatabaseWrapper | None = None) -> list[str]:
    """The SQL that gives `app_role` exactly its rights on every table of ours.

    With a connection, tables that are not there yet (`migrate APP NAME`) are left out.
    """
    role = _quoted(app_role)
    present = None if connection is None else set(connection.introspection.table_names())
    statements = [
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"GRANT SELECT ON django_migrations TO {role}",
    ]
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        rights = ", ".join(getattr(model, "app_role_rights", DEFAULT_RIGHTS))
        if model._meta.managed and rights and (present is None or table in present):
            statements.append(f'GRANT {rights} ON "{table}" TO {role}')
    for signature in sorted(_functions):
        if connection is not None and not _function_exists(connection, signature):
            continue
        statements.append(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        statements.append(f"GRANT EXECUTE ON FUNCTION {signature} TO {role}")
    return statements


def _function_exists(connection: BaseDatabaseWrapper, signature: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure(%s) IS NOT NULL", [signature])
        return bool(cursor.fetchone()[0])


def create_role_statement(app_role: str, password: str) -> str:
    """SQL that makes the app role; it owns nothing and may create nothing."""
    secret = " PASSWORD '" + password.replace("'", "''") + "'" if password else ""
    return f"CREATE ROLE {_quoted(app_role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE{secret}"


def role_exists(connection: BaseDatabaseWrapper, role: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        return cursor.fetchone() is not None


def grant_app_role(connection: BaseDatabaseWrapper, app_role: str) -> None:
    """Run the grants on the owner's connection, in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(grant_statements(app_role, connection)))
