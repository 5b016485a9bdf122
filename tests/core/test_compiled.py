"""Compiled templates are kept between processes, and a folder that cannot be written harms nothing."""

from pathlib import Path

import jinja2
import pytest

from opsportal.core import compiled
from opsportal.core.compiled import kept_bytecode


def _environment(folder: Path) -> jinja2.Environment:
    loader = jinja2.DictLoader({"page": "{{ 6 * 7 }}"})
    return jinja2.Environment(loader=loader, bytecode_cache=kept_bytecode(str(folder)), autoescape=True)


def test_a_second_process_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "deep" / "templates"
    assert _environment(folder).get_template("page").render() == "42"
    assert folder.stat().st_mode & 0o777 == 0o700

    def refuse(*_args: object, **_values: object) -> None:
        raise AssertionError("compiled again")

    second = _environment(folder)
    monkeypatch.setattr(second, "compile", refuse)
    assert second.get_template("page").render() == "42"


def test_another_extension_compiles_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(tmp_path).get_template("page")
    changed = tmp_path / "jinja.py"
    changed.write_text("changed")
    monkeypatch.setattr(compiled, "_EXTENSION", changed)
    _environment(tmp_path).get_template("page")
    assert len(list(tmp_path.glob("*.cache"))) == 2


def test_a_folder_that_takes_no_file_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_values: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    assert _environment(tmp_path).get_template("page").render() == "42"


def test_no_folder_keeps_nothing() -> None:
    assert kept_bytecode("") is None
