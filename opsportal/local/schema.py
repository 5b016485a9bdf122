"""What of this checkout a data folder has already: its schema and its collected static files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from opsportal.local.environment import CHECKOUT, Home, write_private
from opsportal.local.errors import StackError
from opsportal.local.postgres import Cluster

MIGRATION_FOLDERS = ("*/migrations", "opsportal/*/migrations")


def refuse_schema_ahead(cluster: Cluster, home: Home) -> None:
    """Refuse a data folder that a newer code has migrated; going back would lose data."""
    if cluster.rows("opsportal", "SELECT to_regclass('django_migrations')") == [[""]]:
        return
    known: dict[str, set[str]] = {}
    for pattern in MIGRATION_FOLDERS:
        for folder in CHECKOUT.glob(pattern):
            known[folder.parent.name] = {path.stem for path in folder.glob("*.py")}
    for app, name in cluster.rows("opsportal", "SELECT app, name FROM django_migrations ORDER BY id"):
        if app in known and name not in known[app]:
            raise StackError(
                f"The data folder {home.path} holds a newer schema ({app} {name}) than this code: "
                "run the code that made it, or `python3 manage.py reset --yes`."
            )


class StaticStamp:
    """Remembers from which files the static folder was collected, since compressing them takes seconds."""

    def __init__(self, home: Home) -> None:
        self._path = home.path / "static.stamp"
        self._wanted = _fingerprint([CHECKOUT / "requirements.lock", *(CHECKOUT / "static").rglob("*")])
        self._folder = home.path / "static"

    def is_current(self) -> bool:
        return self._folder.is_dir() and self._path.exists() and self._path.read_text() == self._wanted

    def keep(self) -> None:
        write_private(self._path, self._wanted)


def _fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        found = path.stat()
        digest.update(f"{path.relative_to(CHECKOUT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
