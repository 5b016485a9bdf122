#!/usr/bin/env python3
"""The one door: `up`, `test` and their kin for the local stack, everything else is Django's."""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Run the command of `sys.argv`; the answer is the exit status."""
    if sys.version_info < OLDEST:
        sys.stderr.write("opsportal needs Python 3.11 or newer; this one is %d.%d.\n" % sys.version_info[:2])  # noqa: UP031
        return 1
    # Imported late: the modules below use syntax that an older Python cannot read.
    from opsportal.local.cli import main as run

    return run(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
