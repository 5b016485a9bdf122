"""A chromium for the browser tests: found, or installed where that is possible, or missing."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from opsportal.local.terminal import progress

VARIABLE = "OPSPORTAL_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ON_MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
INSTALL_SECONDS = 300


def find_chromium(environ: Mapping[str, str]) -> str | None:
    """The browser to test with, or None."""
    named = environ.get(VARIABLE)
    if named:
        return named if Path(named).exists() else None
    found = (shutil.which(name, path=environ.get("PATH")) for name in NAMES)
    return next((path for path in (*found, *ON_MACOS) if path and Path(path).exists()), None)


def install_chromium(environ: Mapping[str, str]) -> str | None:
    """Install the distribution's chromium as root; None where that cannot be done."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    env = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress("installing chromium for the browser tests"):
        for argv in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            try:
                subprocess.run(
                    ["apt-get", "-q", *argv],
                    env=env,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=INSTALL_SECONDS,
                    check=True,
                )
            except (subprocess.SubprocessError, OSError):
                return None
    return find_chromium(environ)
