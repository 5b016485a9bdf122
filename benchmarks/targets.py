"""A measured figure beside its target."""

from collections.abc import Sequence
from dataclasses import dataclass

from opsportal.local.terminal import say, table


@dataclass(frozen=True)
class Result:
    """One figure; `at_most` says on which side of the target it must lie."""

    what: str
    value: float
    target: float
    unit: str = "×"
    at_most: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.value <= self.target if self.at_most else self.value >= self.target


def show(name: str, results: Sequence[Result]) -> None:
    """Print a benchmark's table."""
    say(f"--- {name}")
    rows = [
        (
            result.what,
            f"{result.value:.2f} {result.unit}",
            f"{'≤' if result.at_most else '≥'} {result.target:g} {result.unit}",
            "met" if result.is_met else "MISSED",
            result.note,
        )
        for result in results
    ]
    for line in table([("work", "figure", "target", "", "note"), *rows]):
        say(line)
