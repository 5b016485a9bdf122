"""pip's configuration, handed to uv, which does not read it. Standard library only."""

import ast
import subprocess
import sys
from collections.abc import Mapping

# Later wins: `pip config list` names where each value stands.
SECTIONS = ("global", "install", ":env:")


def bare_python() -> str:
    """The Python below a virtual environment: the one that has pip, and that outlives `.venv`."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Option → value as `pip install` would see it."""
    done = subprocess.run(
        [bare_python(), "-m", "pip", "config", "list"],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return parse_config_list(done.stdout) if done.returncode == 0 else {}


def parse_config_list(text: str) -> dict[str, str]:
    """Read the lines `section.option='value'` of `pip config list`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in text.splitlines():
        name, separator, quoted = line.partition("=")
        section, _, option = name.rpartition(".")
        if separator and section in found:
            try:
                found[section][option] = str(ast.literal_eval(quoted))
            except (SyntaxError, ValueError):
                continue
    return {option: value for section in SECTIONS for option, value in found[section].items()}


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The same wishes in uv's variables; what the caller told uv already stays."""
    wishes = {
        "UV_DEFAULT_INDEX": settings.get("index-url", ""),
        "UV_INDEX": " ".join(settings.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_INSECURE_HOST": " ".join(settings.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": settings.get("timeout", settings.get("default-timeout", "")),
        "UV_NO_INDEX": "1" if settings.get("no-index", "").lower() in {"1", "true", "yes", "on"} else "",
        "SSL_CERT_FILE": settings.get("cert", ""),
    }
    if proxy := settings.get("proxy", ""):
        wishes |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy}
    fixed = {
        # pip looks at all indexes alike; the hashes of the lock file decide which file is right.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
    }
    return {name: value for name, value in (fixed | wishes).items() if value and name not in environ}
