"""A pack copied to a place of its own, and the portal as the one who applies."""

import shutil
from pathlib import Path

import pytest

from opsportal.core.actor import Actor, system_actor
from opsportal.packs.pack import DATA


@pytest.fixture
def portal() -> Actor:
    return system_actor("tests")


@pytest.fixture
def pack_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "shop-management", tmp_path / "pack"))
