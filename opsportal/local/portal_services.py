"""The portal's own processes: what they run and how we see that they serve."""

import http.client
import signal
import sys
from functools import partial
from pathlib import Path

from opsportal.local import valkey
from opsportal.local.environment import LOOPBACK, Home
from opsportal.local.postgres import Cluster
from opsportal.local.supervisor import Service

PROBE_SECONDS = 2.0
SETTLE_SECONDS = 1.0
PYTHON = sys.executable


def web(port: int) -> Service:
    """The web server; ready when it answers about its own health."""
    argv = [PYTHON, "-m", "uvicorn", "opsportal.asgi:application", "--host", LOOPBACK, "--port", str(port)]
    argv += [
        "--timeout-graceful-shutdown",
        "3",
        "--lifespan",
        "off",
        "--no-access-log",
        "--no-server-header",
        "--no-proxy-headers",
    ]
    return Service(
        name="web",
        argv=tuple(argv),
        is_ready=partial(answers, port, "/healthz"),
        ready_seconds=120.0,
    )


def worker(sockets: Path) -> Service:
    """Celery; ready when it takes orders."""
    argv = [PYTHON, "-m", "celery", "-A", "opsportal.celery", "worker", "--pool", "prefork", "--concurrency", "2"]
    argv += ["-Q", "default,aws,checks,jobs", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Service(
        name="worker",
        argv=(*argv, "--loglevel", "INFO"),
        # A stop gives tasks in flight back to the queue at once.
        env={"REMAP_SIGTERM": "SIGQUIT"},
        is_ready=partial(valkey.has_worker, sockets),
        ready_seconds=120.0,
    )


def dispatcher() -> Service:
    """The loops that PostgreSQL alone drives."""
    return Service(name="dispatcher", argv=(PYTHON, "manage.py", "dispatcher"), settle_seconds=SETTLE_SECONDS)


def simulated_aws(home: Home, port: int, *, portal_port: int) -> Service:
    """AWS on loopback, for the demo; it sends beats and SNS messages to the portal."""
    argv = [PYTHON, "-m", "opsportal.local.aws", "--port", str(port), "--state-file", str(home.path / "aws.json")]
    argv += ["--portal", f"http://{LOOPBACK}:{portal_port}"]
    return Service(name="aws", argv=tuple(argv), is_ready=partial(answers, port, None), ready_seconds=120.0)


def shop(cluster: Cluster, aws_port: int) -> Service:
    """The demo's target database at work."""
    aws = ("--aws", f"http://{LOOPBACK}:{aws_port}")
    argv = (PYTHON, "-m", "opsportal.local.shopdb", "--dsn", cluster.url("shop_owner", "shop"), *aws)
    return Service(name="shop", argv=argv, settle_seconds=SETTLE_SECONDS, stop_signal=signal.SIGKILL)


def answers(port: int, path: str | None) -> bool:
    """Whether a loopback server answers 200 at `path`, or anything at all when there is no path."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return path is None or status == http.HTTPStatus.OK
