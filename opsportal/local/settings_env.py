"""The environment of every process of a stack, and of later Django commands on it."""

import time
from collections.abc import Mapping

from opsportal.local import valkey
from opsportal.local.environment import LOOPBACK, Home, any_free_port
from opsportal.local.postgres import Cluster

# A caller's own PostgreSQL must not leak into the stack, nor an AWS account into the demo or the tests.
FOREIGN = ("PG", "DATABASE_", "REDIS_URL", "OPSPORTAL_")
REAL_ACCOUNT = "AWS_"
PASSED_ON = ("OPSPORTAL_CLOCK", "EMAIL_URL", "DEFAULT_FROM_EMAIL", "HEARTBEAT_URL", "LOG_LEVEL")


def stack_settings(
    home: Home, cluster: Cluster, *, port: int, is_demo: bool, environ: Mapping[str, str]
) -> dict[str, str]:
    """What the settings read, for the portal of this data folder."""
    before = home.load_environment()
    values = {
        **store_settings(home, cluster, database="opsportal"),
        "PUBLIC_URL": f"http://{LOOPBACK}:{port}",
        "AUDIT_ANCHOR": f"file:{home.path / 'audit-anchor.jsonl'}",
        "STATIC_ROOT": str(home.path / "static"),
        "TEMPLATE_CACHE": str(home.path / "templates"),
        "OPSPORTAL_DEMO": "1" if is_demo else "0",
        "OPSPORTAL_HOME": str(home.path),
        "OPSPORTAL_PORT": str(port),
        **{name: environ[name] for name in PASSED_ON if environ.get(name)},
    }
    if "OPSPORTAL_CLOCK" in values:
        same = before.get("OPSPORTAL_CLOCK") == values["OPSPORTAL_CLOCK"]
        # A restart goes on where the bent clock would be by now.
        kept = before.get("OPSPORTAL_CLOCK_ORIGIN") if same else None
        values["OPSPORTAL_CLOCK_ORIGIN"] = kept or str(time.time())
    if is_demo:
        aws_port = any_free_port(before.get("AWS_ENDPOINT_URL", "").rpartition(":")[2])
        values["AWS_ENDPOINT_URL"] = f"http://{LOOPBACK}:{aws_port}"
        values["AWS_ACCESS_KEY_ID"] = values["AWS_SECRET_ACCESS_KEY"] = "simulated"  # noqa: S105 - opens nothing
        values["AWS_DEFAULT_REGION"] = "us-east-1"
    return values


def store_settings(home: Home, cluster: Cluster, *, database: str) -> dict[str, str]:
    """What the settings read about database, broker and this machine."""
    return {
        "DATABASE_URL": cluster.url("ops_app", database),
        "DATABASE_OWNER_URL": cluster.url("ops_owner", database),
        "REDIS_URL": valkey.url(cluster.sockets),
        "SECRET_KEY": home.secret_key(),
        "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "OPSPORTAL_LOCAL": "1",
        "OPSPORTAL_BOOTSTRAP": "0",
    }


def process_environment(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with `values` on top and without what belongs to another stack."""
    foreign = FOREIGN if values.get("OPSPORTAL_DEMO") == "0" else (*FOREIGN, REAL_ACCOUNT)
    kept = {name: value for name, value in environ.items() if not name.startswith(foreign)}
    for name in values:
        kept.pop(f"{name}_FILE", None)
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Nothing is written beside the sources, but compiling them anew would cost every process four seconds.
        kept.setdefault("PYTHONPYCACHEPREFIX", f"{values['OPSPORTAL_HOME']}/bytecode")
    hosts = ",".join(filter(None, (kept.get("NO_PROXY") or kept.get("no_proxy"), LOOPBACK, "localhost")))
    return {**kept, "NO_PROXY": hosts, "no_proxy": hosts, "PYTHONUNBUFFERED": "1", **values}
