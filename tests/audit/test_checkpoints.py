"""Checkpoints: every 100 rows or 5 minutes, to a file or syslog, and never half a line."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from opsportal.audit.anchor import (
    AnchorError,
    Checkpoint,
    FileAnchor,
    SyslogAnchor,
    anchor_from,
    read_checkpoints,
    witnessed,
)
from opsportal.audit.checkpoints import write_due_checkpoints
from opsportal.audit.services import record
from opsportal.core.actor import system_actor
from opsportal.core.clock import real_now

AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def write_rows(count: int) -> None:
    for n in range(count):
        record(by=system_actor("test"), at=AT, verb="a.b.c", obj_kind="x", obj_id=n, platform_id=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "anchor.jsonl"


@pytest.mark.django_db
def test_a_hundred_rows_are_witnessed_at_once_and_fewer_wait(path: Path) -> None:
    write_rows(99)
    assert write_due_checkpoints(anchor=FileAnchor(path)) == 0
    write_rows(1)
    assert write_due_checkpoints(anchor=FileAnchor(path)) == 100
    assert write_due_checkpoints(anchor=FileAnchor(path)) == 0
    assert sorted(witnessed(read_checkpoints(path))[1]) == list(range(1, 101))


@pytest.mark.django_db
def test_a_single_row_is_witnessed_after_five_minutes(path: Path) -> None:
    write_rows(1)
    with time_machine.travel(real_now() + timedelta(minutes=5, seconds=1), tick=False):
        assert write_due_checkpoints(anchor=FileAnchor(path)) == 1


@pytest.mark.django_db
def test_without_an_anchor_nothing_is_claimed_to_be_witnessed() -> None:
    write_rows(120)
    assert write_due_checkpoints() == 0


def checkpoint(first: int = 1, rows: int = 2) -> Checkpoint:
    return Checkpoint(1, first, first + rows - 1, b"h" * 32, tuple(bytes([n]) * 16 for n in range(rows)), "2026-03-10")


def test_a_line_cut_off_by_a_crash_spoils_no_other(path: Path) -> None:
    FileAnchor(path).write([checkpoint(1)])
    with path.open("a") as file:
        file.write('{"chain":1,"first":3,"la')
    FileAnchor(path).write([checkpoint(5)])
    assert [found.first for found in read_checkpoints(path)] == [1, 5]


def test_a_line_reads_back_as_written() -> None:
    assert Checkpoint.from_line(checkpoint().to_line()) == checkpoint()


def test_syslog_gets_each_checkpoint_on_a_line_that_verify_can_read(tmp_path: Path, socket_enabled: None) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        SyslogAnchor(f"127.0.0.1:{daemon.getsockname()[1]}").write([checkpoint(1, rows=25)])
        line = daemon.recv(8192)
    assert len(line) < 1500
    (tmp_path / "syslog").write_bytes(b"Mar 10 host " + line.rstrip(b"\0") + b"\nother line\n")
    assert list(read_checkpoints(tmp_path / "syslog")) == [checkpoint(1, rows=25)]


@pytest.mark.parametrize("setting", ["file:", "ftp:x", "nonsense"])
def test_an_anchor_that_cannot_be_used_is_refused(setting: str) -> None:
    with pytest.raises(AnchorError):
        anchor_from(setting)


def test_an_anchor_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnchorError, match="cannot be written"):
        FileAnchor(tmp_path / "file" / "below").write([checkpoint()])
