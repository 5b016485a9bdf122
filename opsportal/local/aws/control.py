"""The client of the simulator's control endpoint: for the demo and tests, never for what the portal is without it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opsportal.local.aws.catalogue import ACCOUNT
from opsportal.local.aws.faults import Fault

_SECONDS: Final = 5.0


class ControlError(Exception):
    """The simulator refused, or does not answer; the text says which."""


class Control:
    """Switches faults on and off at the simulator that answers at this address."""

    def __init__(self, url: str) -> None:
        self._base = f"{url.rstrip('/')}/opsportal-sim/"

    def state(self) -> dict[str, Any]:
        """Return now, seed, first_day and today of the script, the fault names, and what is active."""
        return self._call("state")

    def start_fault(self, name: str, *, minutes: int | None = None, platform: str | None = None) -> dict[str, Any]:
        """Start a fault now and return the state. Raises ControlError for an unknown name."""
        return self._call("fault", {"name": name, "minutes": minutes, "platform": platform})

    def heal(self) -> dict[str, Any]:
        """End every fault that lasts and return the state."""
        return self._call("heal", {})

    def trouble(self, mode: str, *, account: str = ACCOUNT) -> dict[str, Any]:
        """Let an account's calls fail (`trouble.TROUBLES`), "" for no more. Raises ControlError for an unknown mode."""
        return self._call("trouble", {"mode": mode, "account": account})

    def set_links(self, paths: Mapping[str, str]) -> dict[str, Any]:
        """Say where beats (`beat:PLATFORM`) and SNS messages (`sns`) go, as paths of the portal; returns the state."""
        return self._call("links", dict(paths))

    def certificate(self, name: str) -> bytes:
        """A certificate of the simulator's own authority, as PEM. Raises ControlError."""
        return self._sns(name)

    def confirm(self, query: str) -> bytes:
        """The answer of the simulated SNS to a ConfirmSubscription of this query string. Raises ControlError."""
        return self._sns(f"confirm?{query}")

    def _sns(self, asked: str) -> bytes:
        try:
            with urllib.request.urlopen(f"{self._base}sns/{asked}", timeout=_SECONDS) as answer:  # noqa: S310
                found: bytes = answer.read()
        except OSError as error:
            raise ControlError(f"The simulated SNS does not know {asked.partition('?')[0]}: {error}") from error
        return found

    def add_overlays(self, faults: Sequence[Fault]) -> dict[str, Any]:
        """Lay faults of any time over the values and return the state."""
        rows = [
            {
                "name": f.name,
                "platform": f.platform,
                "starts_at": f.starts_at.isoformat(),
                "ends_at": f.ends_at.isoformat(),
            }
            for f in faults
        ]
        return self._call("overlays", rows)

    def _call(self, verb: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  the address is our own loopback
            self._base + verb, data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ControlError(error.read().decode(errors="replace")) from error
        except (OSError, ValueError) as error:
            raise ControlError(f"The simulated AWS does not answer: {error}") from error
        return found
