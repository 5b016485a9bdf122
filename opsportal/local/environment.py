"""Where a stack keeps its things: checkout, data folder, secrets, environment, ports.

Standard library only: this runs before the packages are installed.
"""

import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsportal.local.errors import StackError

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_PORT = 8000
LOOPBACK = "127.0.0.1"
# sockaddr_un holds 104 bytes on macOS, 108 on Linux; PostgreSQL adds ".s.PGSQL.5432.lock".
LONGEST_SOCKET_FOLDER = 85
PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """Write `text` for this user's eyes only; readers see the old or the new file, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "w") as out:
        out.write(text)
    temporary.replace(path)


@dataclass(frozen=True)
class Home:
    """One data folder: PostgreSQL's cluster, Valkey's file, logs, secrets and state."""

    path: Path

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def environment(self) -> Path:
        return self.path / "env.json"

    @property
    def people(self) -> Path:
        return self.path / "people.json"

    @property
    def first_run_code(self) -> Path:
        return self.path / "first-run-code"

    @property
    def progress(self) -> Path:
        return self.path / "progress"

    def create(self) -> None:
        """Make the folder and its parts; it is private, since it holds secrets."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.log.mkdir(mode=0o700, exist_ok=True)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise StackError(
                f"The data folder {self.path} cannot be made ({error.strerror}): choose another OPSPORTAL_HOME."
            ) from error

    def claim_kind(self, kind: str) -> None:
        """Remember what this folder is for, or refuse when it is for something else."""
        marker = self.path / "kind"
        if not marker.exists():
            write_private(marker, f"{kind}\n")
            return
        found = marker.read_text().strip()
        if found != kind:
            raise StackError(
                f"The data folder {self.path} is a {found} one and you asked for {kind}: "
                "choose another OPSPORTAL_HOME, or remove this one with `python3 manage.py reset --yes`."
            )

    def secret_key(self) -> str:
        """Django's secret key, made on the first start."""
        path = self.path / "secret-key"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text()

    def save_environment(self, values: Mapping[str, str]) -> None:
        """Keep what the services run with, so that later commands need no exported variable."""
        write_private(self.environment, json.dumps(dict(values), indent=1, sort_keys=True))

    def load_environment(self) -> dict[str, str]:
        """What the services of the last start ran with; empty when there was none."""
        try:
            values: dict[str, str] = json.loads(self.environment.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return values

    def socket_folder(self) -> Path:
        """A private folder for Unix sockets, short enough and plain enough to stand in an URL."""
        inside = self.path / "run"
        if len(str(inside)) <= LONGEST_SOCKET_FOLDER and _is_plain(str(inside)):
            inside.mkdir(mode=0o700, exist_ok=True)
            return inside
        remembered = self.path / "sockets"
        if remembered.exists():
            folder = Path(remembered.read_text())
            if _is_private(folder):
                return folder
        folder = Path(tempfile.mkdtemp(prefix="opsportal-", dir="/tmp"))
        write_private(remembered, str(folder))
        return folder


def _is_plain(path: str) -> bool:
    return all(letter.isalnum() or letter in "/._-" for letter in path) and path.isascii()


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def home_of(environ: Mapping[str, str]) -> Home:
    """The data folder that these variables mean: OPSPORTAL_HOME, or `.data` in the checkout."""
    named = environ.get("OPSPORTAL_HOME")
    return Home(Path(named).expanduser().absolute() if named else CHECKOUT / ".data")


def home_of_tests(environ: Mapping[str, str]) -> Home:
    """The data folder of a test run, beside that of `up`."""
    home = home_of(environ).path
    return Home(home.with_name(f"{home.name}-test"))


def wanted_port(environ: Mapping[str, str]) -> int:
    """The port to serve on: OPSPORTAL_PORT, or 8000."""
    text = environ.get("OPSPORTAL_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise StackError(f"OPSPORTAL_PORT is {text!r}: it must be a number from 1 to 65535.")
    return int(text)


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port."""
    with socket.socket() as probe:
        # As the web server does: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_free(port: int) -> None:
    """Refuse a busy port, offering the next free one."""
    if is_free(port):
        return
    following = next((other for other in range(port + 1, 2**16) if is_free(other)), None)
    offer = f": `OPSPORTAL_PORT={following} python3 manage.py up` takes the next free one" if following else ""
    raise StackError(f"Port {port} is busy{offer}.")


def any_free_port(preferred: str | None) -> int:
    """A loopback port for an inner service: last time's when it is still free."""
    if preferred and preferred.isdecimal() and is_free(int(preferred)):
        return int(preferred)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
