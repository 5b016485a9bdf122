"""Compiled templates kept in a folder, so that a new process need not compile them again."""

import hashlib
import os
from pathlib import Path
from typing import Final

import jinja2

# What the compiler is told by our own extension is part of what it makes.
_EXTENSION: Final = Path(__file__).with_name("jinja.py")


class KeptBytecode(jinja2.FileSystemBytecodeCache):
    """Jinja2's own folder cache; a folder that takes no more files costs time and nothing else."""

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        try:
            super().dump_bytecode(bucket)
        except OSError:
            return


def kept_bytecode(folder: str) -> KeptBytecode | None:
    """The cache in `folder`, made where it is missing and readable by its owner alone: it holds code. "" keeps none."""
    if not folder:
        return None
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - parents with the same mode are not wanted either
    made_by = hashlib.sha256(_EXTENSION.read_bytes()).hexdigest()[:12]
    return KeptBytecode(folder, f"{made_by}_%s.cache")
