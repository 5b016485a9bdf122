import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
COPIED = (
    "opsportal",
    "incidents",
    "monitoring",
    "maintenance",
    "templates",
    "docs",
    "static/icons",
    "manage.py",
    "pyproject.toml",
)
TOOLS = Path(sys.executable).parent


@dataclass(frozen=True)
class Answer:
    """What a gate's command said."""

    status: int
    text: str


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Answer:
    """Run a gate's own command in a checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(argv, cwd=cwd, env={**clean, **(env or {})}, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout + done.stderr)


def run_gates(cwd: Path, *names: str) -> Answer:
    return run([sys.executable, "-m", "tests.architecture", *names], cwd)


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout in which bad files may stand for a moment."""

    root: Path

    @contextmanager
    def changed(self, changes: Mapping[str, str]) -> Iterator[Path]:
        """Append each text to its file (made when missing), and put everything back afterwards."""
        before = {name: (self.root / name).read_text() if (self.root / name).exists() else None for name in changes}
        try:
            for name, text in changes.items():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_text((before[name] or "") + text)
            yield self.root
        finally:
            for name, old in before.items():
                if old is None:
                    (self.root / name).unlink()
                else:
                    (self.root / name).write_text(old)


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in (*COPIED, "tests/architecture"):
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=unwanted)
        elif source.exists():
            shutil.copy(source, root / name)
    return Copy(root)
