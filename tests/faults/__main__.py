"""`python -m tests.faults crash|outage|plans|aws`: break the portal on a stack of its own; exit 1 on any fault."""

import argparse
import sys
from pathlib import Path

from opsportal.local.aws.trouble import TROUBLES
from opsportal.local.supervisor import StopAskedError
from opsportal.local.terminal import say
from tests.faults.crash import Report as CrashReport
from tests.faults.crash import crash
from tests.faults.lying import Report as LyingReport
from tests.faults.lying import lying
from tests.faults.outage import LINKS, MODES, outage
from tests.faults.outage import Report as OutageReport
from tests.faults.plans import Report as PlansReport
from tests.faults.plans import plans


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def main() -> int:
    """Run the trial that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    trials = parser.add_subparsers(dest="trial", required=True)
    one = trials.add_parser("crash", help="kill processes while alarms become incidents")
    one.add_argument("--alerts", type=int, default=200)
    one.add_argument("--runs", type=int, default=10)
    one.add_argument("--kills", type=int, default=40)
    one.add_argument("--seed", type=int, default=1)
    two = trials.add_parser("outage", help="break the links to Valkey, AWS and PostgreSQL")
    two.add_argument("--links", type=_words, default=list(LINKS))
    two.add_argument("--modes", type=_words, default=list(MODES))
    two.add_argument("--seconds", type=float, default=10.0)
    trials.add_parser("plans", help="kill the worker while it carries out approved plans")
    three = trials.add_parser("aws", help="an AWS that is throttled, denied, slow, silent, half-paged or lies")
    three.add_argument("--troubles", type=_words, default=list(TROUBLES))
    for trial in (one, two):
        trial.add_argument("--schema", type=Path, help="a dump to begin with, instead of migrating an empty database")
    options = parser.parse_args()
    report: CrashReport | LyingReport | OutageReport | PlansReport
    if options.trial == "crash":
        say(f"seed {options.seed}")
        report = crash(
            alerts=options.alerts, runs=options.runs, kills=options.kills, seed=options.seed, schema=options.schema
        )
    elif options.trial == "plans":
        report = plans()
    elif options.trial == "aws":
        report = lying(troubles=options.troubles)
    else:
        report = outage(links=options.links, modes=options.modes, seconds=options.seconds, schema=options.schema)
    for line in report.lines():
        say(line)
    say("passed" if report.is_clean else "FAILED")
    return int(not report.is_clean)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StopAskedError:
        sys.exit(130)
