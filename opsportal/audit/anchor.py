"""The witness outside the database: where checkpoints are written, and how they are read back.

A line names a stretch of one chain: its last sequence number and hash, and a short hash of each of its rows, so that
`verify` can name the first row that was changed even when the chain behind it was computed anew.
"""

import fcntl
import json
import logging.handlers
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

ROWS_PER_LINE: Final = 25  # keeps a line below what a syslog daemon takes
SHORT: Final = 16  # bytes kept of each row's hash


class AnchorError(Exception):
    """AUDIT_ANCHOR cannot be used as given."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Rows `first`..`last` of `chain` (inclusive) with their short hashes; `hash` is the whole hash of row `last`."""

    chain: int
    first: int
    last: int
    hash: bytes
    rows: tuple[bytes, ...]
    at: str

    def to_line(self) -> str:
        return json.dumps(
            {
                "chain": self.chain,
                "first": self.first,
                "last": self.last,
                "hash": self.hash.hex(),
                "rows": "".join(row.hex() for row in self.rows),
                "at": self.at,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_line(cls, line: str) -> "Checkpoint":
        raw = json.loads(line)
        short = bytes.fromhex(raw["rows"])
        rows = tuple(short[start : start + SHORT] for start in range(0, len(short), SHORT))
        if raw["last"] - raw["first"] + 1 != len(rows):
            raise ValueError("rows do not match first..last")
        return cls(raw["chain"], raw["first"], raw["last"], bytes.fromhex(raw["hash"]), rows, raw["at"])


class Anchor(Protocol):
    """A place the database's administrator cannot rewrite."""

    def write(self, checkpoints: Iterable[Checkpoint]) -> None: ...


class FileAnchor:
    """One JSON line a checkpoint, appended and synced. Put the file on another host's storage, or ship it away."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, checkpoints: Iterable[Checkpoint]) -> None:
        text = "".join(checkpoint.to_line() + "\n" for checkpoint in checkpoints)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0, os.SEEK_END)
                if file.tell() and self._ends_mid_line():
                    file.write(b"\n")  # a crash cut the last line off: keep the next one whole
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AnchorError(f"The audit anchor {self.path} cannot be written: {error.strerror}.") from error

    def _ends_mid_line(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


class SyslogAnchor:
    """Checkpoints to the syslog of this host (facility auth), which is expected to forward them."""

    def __init__(self, address: str) -> None:
        self._address: str | tuple[str, int] = address or "/dev/log"
        if address and not address.startswith("/"):
            host, _, port = address.partition(":")
            self._address = (host, int(port or "514"))

    def write(self, checkpoints: Iterable[Checkpoint]) -> None:
        try:
            handler = logging.handlers.SysLogHandler(self._address, facility=logging.handlers.SysLogHandler.LOG_AUTH)
        except OSError as error:
            raise AnchorError(f"No syslog answers at {self._address}: {error.strerror}.") from error
        with_prefix = logging.Formatter("opsportal-audit %(message)s")
        handler.setFormatter(with_prefix)
        for checkpoint in checkpoints:
            handler.emit(logging.LogRecord("opsportal.audit", logging.INFO, "", 0, checkpoint.to_line(), None, None))
        handler.close()


def anchor_from(setting: str) -> Anchor | None:
    """The anchor AUDIT_ANCHOR names: `file:PATH`, `syslog:` or `syslog:HOST:PORT`; None when unset.

    Raises AnchorError.
    """
    kind, _, rest = setting.partition(":")
    if not setting:
        return None
    if kind == "file" and rest:
        return FileAnchor(Path(rest))
    if kind == "syslog":
        return SyslogAnchor(rest)
    raise AnchorError(f"AUDIT_ANCHOR={setting!r}: expected file:PATH or syslog:[HOST:PORT].")


def read_checkpoints(path: Path) -> Iterator[Checkpoint]:
    """The checkpoints of an anchor file, or of a syslog that holds them among others. A cut-off line is passed over.

    Raises AnchorError.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                start = line.find('{"chain"')
                if start < 0:
                    continue
                try:
                    yield Checkpoint.from_line(line[start:])
                except (ValueError, KeyError, TypeError):
                    continue
    except OSError as error:
        raise AnchorError(f"The anchor {path} cannot be read: {error.strerror}.") from error


def witnessed(checkpoints: Iterable[Checkpoint]) -> Mapping[int, Mapping[int, bytes]]:
    """By chain: sequence number → short hash, as first written: a later line never overrules an earlier one."""
    rows: dict[int, dict[int, bytes]] = {}
    for checkpoint in checkpoints:
        chain = rows.setdefault(checkpoint.chain, {})
        for offset, short in enumerate(checkpoint.rows):
            chain.setdefault(checkpoint.first + offset, short)
    return rows
