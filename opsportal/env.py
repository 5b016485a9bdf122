"""Typed reading of the environment; every name also works as NAME_FILE, holding a path to the value."""

from django.core.exceptions import ImproperlyConfigured
from environs import FileAwareEnv

env = FileAwareEnv()


def refuse(*, when: bool, why: str) -> None:
    """Stop the start with one sentence that says what is unsafe or missing."""
    if when:
        raise ImproperlyConfigured(why)
