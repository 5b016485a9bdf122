"""The checkout passes its own gates; ruff, mypy, import-linter and djlint run before pytest in `manage.py test`."""

from functools import cache

import pytest

from tests.architecture.conftest import CHECKOUT, Answer, run_gates

GATES = (
    "file-length",
    "function-length",
    "foreign-keys",
    "route-actions",
    "action-rows",
    "view-names",
    "celery-tasks",
    "loops-registered",
    "missing-migrations",
    "indexes-block-nobody",
    "templates",
)


@cache
def _answer() -> Answer:
    return run_gates(CHECKOUT)


@pytest.mark.parametrize("gate", GATES)
def test_checkout_passes(gate: str) -> None:
    said = [line for line in _answer().text.splitlines() if line.startswith(f"{gate}:")]
    assert said == [f"{gate}: passed"], "\n".join(said) or _answer().text


def test_no_gate_is_left_out() -> None:
    told = {line.partition(":")[0] for line in _answer().text.splitlines() if line.endswith(": passed")}
    assert told <= set(GATES)
