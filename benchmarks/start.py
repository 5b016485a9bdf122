"""How long a start takes: the web process alone, and `manage.py up` on a folder that was up before."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.targets import Result
from opsportal.local.environment import CHECKOUT, any_free_port

MOST_SECONDS = 12.0
MOST_IMPORT_SECONDS = 1.5
IMPORT = "import time; b = time.perf_counter(); import opsportal.asgi; print(time.perf_counter() - b)"


def _up(home: Path) -> float:
    """Seconds from the command to its Ready line; then it is stopped."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "OPSPORTAL_"))}
    env |= {"OPSPORTAL_HOME": str(home), "OPSPORTAL_PORT": str(any_free_port(None)), "OPSPORTAL_BOOTSTRAP": "0"}
    begun = time.perf_counter()
    argv = [sys.executable, "manage.py", "up"]
    with subprocess.Popen(argv, cwd=CHECKOUT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ready:"):
                break
        passed = time.perf_counter() - begun
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    return passed


def _import_seconds(bytecode: Path) -> float:
    """As a stack's process does it: compiled before, here by the first of several imports."""
    env = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
        "SECRET_KEY": "x" * 60,
        "OPSPORTAL_LOCAL": "1",
    }
    said = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=True
    )
    return float(said.stdout.split()[-1])


def start(_seconds: float) -> list[Result]:
    """Cold once for the data, then warm."""
    folder = Path(tempfile.mkdtemp(prefix="opsportal-bench-", dir="/var/tmp"))
    try:
        cold = _up(folder / "home")
        warm = min(_up(folder / "home") for _ in range(2))
        imported = min(_import_seconds(folder / "bytecode") for _ in range(3))
    finally:
        public = folder / "home" / "postgres-at"
        if public.exists():
            shutil.rmtree(public.read_text(), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Result("up, cold, to Ready", cold, 60.0, "s", at_most=True),
        Result("up, warm, to Ready", warm, MOST_SECONDS, "s", at_most=True),
        Result("web imported", imported, MOST_IMPORT_SECONDS, "s", at_most=True),
    ]
