"""The demo's faults, on and off: standard library only, so that `demo fault` need not wait for all of Django."""

import argparse
from collections.abc import Mapping
from typing import Any, Final

from opsportal.local.aws.control import Control
from opsportal.local.aws.faults import DEFAULT_MINUTES, FAULTS

VERBS: Final = ("fault", "heal")


def add_verbs(verbs: Any) -> None:
    """`fault` and `heal`, for the parser of `manage.py demo`."""
    fault = verbs.add_parser("fault", help="break something", description=f"Break something: {', '.join(FAULTS)}.")
    fault.add_argument("name", metavar="NAME", choices=list(FAULTS), help=", ".join(FAULTS))
    fault.add_argument("--minutes", type=int, default=None, help=f"how long it lasts (default: {DEFAULT_MINUTES})")
    fault.add_argument("--platform", default=None, help="key of the platform; without it the fault's own")
    verbs.add_parser("heal", help="end every fault", description="End every fault.")


def parser() -> argparse.ArgumentParser:
    """What reads these two verbs alone."""
    read = argparse.ArgumentParser(prog="manage.py demo")
    add_verbs(read.add_subparsers(dest="verb", required=True))
    return read


def switch(asked: Mapping[str, Any], address: str) -> str:
    """Tell the simulator at this address; returns the sentence for who asked. Raises ControlError."""
    control = Control(address)
    if asked["verb"] == "heal":
        control.heal()
        return "Every fault ends now."
    control.start_fault(asked["name"], minutes=asked["minutes"], platform=asked["platform"])
    return f"{asked['name']} begins now; the portal learns of it from AWS alone."
