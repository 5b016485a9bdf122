"""`python -m benchmarks [NAME ...]`: today, incidents, ticks, … or those named, each on a stack of its own.

Each prints its figures beside limits of the same run and its targets; exit 1 when one is missed.
"""

import argparse
import sys

from benchmarks.charts import charts
from benchmarks.collector import collector
from benchmarks.intake import intake
from benchmarks.pages import growth, incidents, ticks, today
from benchmarks.slo import slo
from benchmarks.start import start
from benchmarks.targets import Result, show
from benchmarks.timeline import timeline

ALL = {
    "today": today,
    "incidents": incidents,
    "ticks": ticks,
    "timeline": timeline,
    "charts": charts,
    "slo": slo,
    "intake": intake,
    "start": start,
    "growth": growth,
    "collector": collector,
}


def main() -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*ALL, []], help="default: all")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one sample")
    options = parser.parse_args()
    results: list[Result] = []
    for name in options.names or list(ALL):
        found = ALL[name](options.seconds)
        show(name, found)
        results += found
    missed = [result for result in results if not result.is_met]
    print(f"{len(results) - len(missed)} of {len(results)} targets met")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
