"""What is unsafe does not start, and says why in one line, whichever process it is."""

import os
import subprocess
import sys

import pytest

from opsportal.local.environment import CHECKOUT

PORTAL = {
    "SECRET_KEY": "k" * 50,
    "DATABASE_URL": "postgres://ops_app@127.0.0.1:1/none",
    "ALLOWED_HOSTS": "ops.example.org",
    "PUBLIC_URL": "https://ops.example.org",
}
FOREIGN = ("OPSPORTAL_", "DATABASE_", "SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL", "REDIS_URL", "TARGET_")
DOORS = {
    "manage.py": ("manage.py", "check"),
    "web": ("-m", "uvicorn", "opsportal.asgi:application", "--lifespan", "off", "--port", "1"),
    "worker": ("-m", "celery", "-A", "opsportal.celery", "report"),
}


def start(*argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return subprocess.run(
        [sys.executable, *argv],
        cwd=CHECKOUT,
        env={**kept, **PORTAL, **changes},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "", "SECRET_KEY_FILE": "none/at/all"}, "SECRET_KEY_FILE"),
        ({"OPSPORTAL_DEMO": "1"}, "OPSPORTAL_DEMO"),
        ({"OPSPORTAL_CLOCK": "2026-03-01T08:00@60"}, "OPSPORTAL_CLOCK"),
        ({"PUBLIC_URL": "http://ops.example.org"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": "", "TRUSTED_PROXY_COUNT": "1"}, "PUBLIC_URL"),
        ({"OPSPORTAL_LOCAL": "1"}, "OPSPORTAL_LOCAL"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL"),
        ({"TARGET_NETWORKS_PROBE": "10.0.0.0/8,mars"}, "TARGET_NETWORKS_PROBE holds 'mars'"),
    ],
)
def test_each_unsafe_setting_is_refused_in_one_line(changes: dict[str, str], word: str) -> None:
    done = start(*DOORS["manage.py"], **changes)
    assert done.returncode == 1
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    assert done.stderr.startswith("opsportal does not start: ")
    assert word in done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_every_process_refuses_the_same(door: str) -> None:
    done = start(*DOORS[door], ALLOWED_HOSTS="*")
    assert done.returncode == 1
    assert done.stderr == "opsportal does not start: ALLOWED_HOSTS must name this portal's host names.\n"
