"""`manage.py dispatcher`: runs every loop that PostgreSQL alone can drive. Two or more may run."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser

from opsportal.schedule.dispatching import run_dispatcher
from opsportal.schedule.loops import loops

logger = structlog.get_logger(__name__)


class Command(BaseCommand):
    requires_system_checks: tuple[str, ...] = ()  # they load every page, and the dispatcher serves none
    help = "Run the portal's loops: outbox, due slots, clocks, event claims, auditor. Ends within 2 s of SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", action="append", default=[], metavar="LOOP", help="run these loops only")
        parser.add_argument("--list", action="store_true", help="name the loops and stop")

    def handle(self, *_args: Any, **options: Any) -> None:
        chosen = [item for name, item in loops().items() if not options["only"] or name in options["only"]]
        if options["list"]:
            for item in chosen:
                self.stdout.write(
                    f"{item.name}: every {item.every:g} s, at most {item.limit:g} s, wakes on {item.channel}"
                )
            return
        stop = threading.Event()

        def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)
        code = run_dispatcher(
            chosen, stop=stop, on_ready=lambda: logger.info("dispatcher.ready", loops=[item.name for item in chosen])
        )
        logger.info("dispatcher.stopped", code=code)
        sys.stdout.flush()
        # A pass cut off by the stop sits on a daemon thread; its lease runs out, and the process must not wait for it.
        os._exit(code)
