"""The tests' databases: a template migrated once as the owner, cloned per worker, emptied after a test that commits."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from opsportal.core.roles import grant_statements


def owner_dsn(database: str) -> str:
    owner = settings.DATABASES["owner"]
    parts = {
        "host": owner["HOST"],
        "port": owner["PORT"],
        "user": owner["USER"],
        "password": owner["PASSWORD"],
        "dbname": database,
    }
    return psycopg.conninfo.make_conninfo("", **{name: value for name, value in parts.items() if value})


def _fingerprint() -> str:
    """Changes whenever a migration, a right or the code that makes them changes."""
    digest = hashlib.sha256("\n".join(grant_statements("app")).encode())
    root = Path(settings.BASE_DIR)
    for package in ("opsportal", "monitoring", "incidents", "maintenance"):
        for path in sorted((root / package).rglob("migrations/*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    for path in (root / "opsportal/audit/sql.py", root / "opsportal/core/roles.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def use_database(database: str) -> None:
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = database
        settings.DATABASES[alias]["NAME"] = database


def make_template(template: str) -> None:
    fingerprint = _fingerprint()
    with psycopg.connect(owner_dsn("postgres"), autocommit=True) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [template]
        ).fetchone()
        if row is not None and row[0] == fingerprint:
            return
        connection.execute(f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{template}" TEMPLATE template0 ENCODING UTF8')
    use_database(template)
    call_command("migrate", verbosity=0, interactive=False)
    for alias in connections:
        connections[alias].close()
    with psycopg.connect(owner_dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"COMMENT ON DATABASE \"{template}\" IS '{fingerprint}'")


@contextmanager
def template_held(base: str) -> Iterator[str]:
    """The template's name; while it is held no other worker looks at it, which PostgreSQL asks of who clones one."""
    lock_path = Path(tempfile.gettempdir()) / f"{base}-{os.getuid()}.lock"
    with lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield f"{base}_template"


class Emptying:
    """Empties the database after a transactional test, through the owner: the app role may not.

    Only what the test filled, and row by row: a TRUNCATE makes a new file of every table that refers to another one
    and of each of its indexes, which takes the kernel half a second of each test. References are checked at the end of
    the transaction, so the tables' order is free.
    """

    KEPT = ("django_migrations", "django_content_type", "auth_permission")

    def __init__(self, database: str) -> None:
        self._dsn = owner_dsn(database)
        with psycopg.connect(self._dsn) as connection:
            self._tables = [
                name
                for (name,) in connection.execute(
                    "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                    " WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname = 'public'"
                ).fetchall()
                if name not in self.KEPT
            ]
            # Append-only tables refuse DELETE by trigger, to the owner as well; nothing refers to their rows.
            self._append_only = {
                name
                for (name,) in connection.execute(
                    "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"
                ).fetchall()
            }
            # Rows that migrations brought (the portal's audit chain head) come back after each emptying.
            self._seed = {
                name: connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - names from pg_class
                for name in self._filled(connection)
            }

    def _filled(self, connection: "psycopg.Connection[Any]") -> list[str]:
        asks = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")"  # noqa: S608 - names from pg_class
            for name in self._tables
        )
        return [name for (name,) in connection.execute(asks).fetchall()] if asks else []

    def run(self, *_test_case: object) -> None:
        for alias in connections:
            connections[alias].close()
        with psycopg.connect(self._dsn) as connection:
            for name in self._filled(connection):
                connection.execute(f'{"TRUNCATE" if name in self._append_only else "DELETE FROM"} "{name}"')
            for name, rows in self._seed.items():
                for row in rows:
                    marks = ", ".join(["%s"] * len(row))
                    connection.execute(f'INSERT INTO "{name}" VALUES ({marks})', row)  # noqa: S608
