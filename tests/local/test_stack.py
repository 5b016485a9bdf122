"""What `up` says while somebody waits."""

from pathlib import Path

import pytest

from opsportal.local import stack


def test_long_work_on_the_schema_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "TELL_SECONDS", 0)
    log = tmp_path / "migrate.log"
    log.write_text("  Applying incidents.0001_initial... OK\n")
    tell = stack._schema_progress(log)
    tell()
    assert capsys.readouterr().out == "", "an earlier start's are not counted"
    with log.open("a") as written:
        written.write("  Applying audit.0001_initial... OK\n  Applying monitoring.0001_initial...")
    tell()
    assert capsys.readouterr().out == "    step 2 of the schema: monitoring\n"
    tell()
    assert capsys.readouterr().out == "", "nothing went on"
    with log.open("a") as written:
        written.write(" OK\n")
    tell()
    tell()
    assert capsys.readouterr().out == "    the rights that go with it\n"


def test_it_says_so_every_few_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "migrate.log"
    tell = stack._schema_progress(log)
    log.write_text("  Applying audit.0001_initial... OK\n")
    tell()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(stack, "TELL_SECONDS", 0)
    tell()
    assert "step 1 of" in capsys.readouterr().out
