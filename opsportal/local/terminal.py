"""What the stack says on the terminal."""

import contextlib
import time
from collections.abc import Iterator, Sequence


def say(text: str = "") -> None:
    """Print a line; a closed terminal never breaks the stack, least of all its stop."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


@contextlib.contextmanager
def progress(what: str) -> Iterator[None]:
    """Say what is happening, and how long it took when it took long enough to wonder."""
    say(f"  {what} …")
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    if took >= 1:
        say(f"    {took:.1f} s")


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of left-aligned columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
