"""What of this checkout a data folder has already: its schema, its collected static files, its demo."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from opsportal.local.environment import CHECKOUT, Home, write_private
from opsportal.local.errors import StackError
from opsportal.local.postgres import Cluster

SCHEMA_PACKAGES = ("opsportal", "monitoring", "incidents", "maintenance")
# Where migrations, models with their rights, grants and SQL functions stand.
SCHEMA_PARTS = {"migrations", "models", "roles", "sql", "migrate"}
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


class Stamp:
    """Remembers from which files something was made, so that a warm start need not make it again."""

    def __init__(self, path: Path, wanted: str) -> None:
        self._path, self._wanted = path, wanted

    def is_kept(self) -> bool:
        return self._path.exists()

    def is_current(self) -> bool:
        return self.is_kept() and self._path.read_text() == self._wanted

    def keep(self) -> None:
        write_private(self._path, self._wanted)


def static_stamp(home: Home) -> Stamp:
    """The collected static files: compressing them takes seconds."""
    wanted = _fingerprint([CHECKOUT / "requirements.lock", *(CHECKOUT / "static").rglob("*")])
    return Stamp(home.path / "static.stamp", wanted)


def schema_stamp(home: Home, cluster: Cluster) -> Stamp:
    """The schema and the app role's rights; a migration undone by hand counts as a change."""
    files = [CHECKOUT / "requirements.lock"]
    for package in SCHEMA_PACKAGES:
        files += [path for path in (CHECKOUT / package).rglob("*.py") if SCHEMA_PARTS & set(path.with_suffix("").parts)]
    applied = cluster.rows("opsportal", "SELECT count(*), max(id) FROM django_migrations")
    return Stamp(home.path / "schema.stamp", f"{_fingerprint(files)} {applied}")


def demo_stamp(home: Home, cluster: Cluster) -> Stamp:
    """The demo's people, packs and past; its shop database is reached through the sockets."""
    files = [CHECKOUT / "requirements.lock", *(CHECKOUT / "opsportal" / "packs").rglob("*")]
    files += (CHECKOUT / "opsportal" / "local" / "demo").glob("*.py")
    return Stamp(home.path / "seeded", f"{_fingerprint(files)} {cluster.sockets}")


def _fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.is_file()):
        found = path.stat()
        digest.update(f"{path.relative_to(CHECKOUT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
