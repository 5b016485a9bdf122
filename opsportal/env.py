"""Typed reading of the environment; every name also works as NAME_FILE, holding a path to the value."""

import importlib
import ipaddress
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv

env = FileAwareEnv()


def refuse(*, when: bool, why: str) -> None:
    """Stop the start with one sentence that says what is unsafe or missing."""
    if when:
        raise ImproperlyConfigured(why)


def is_network(text: str) -> bool:
    """Whether `text` is an address or a network in CIDR notation."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def require_settings() -> None:
    """Read the settings, at each door of a process: what is refused is one line there and not a trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    try:
        importlib.import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    except (ImproperlyConfigured, EnvError, ValueError) as error:
        sys.exit(f"opsportal does not start: {error}")
