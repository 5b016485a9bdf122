"""How the dispatcher runs loops: a thread for each, a listener for wake-ups, and pulses written for the living.

A pass that hangs past its limit cannot be stopped from outside in Python; its pulse stops instead, and the process
ends so that whoever supervises it starts a fresh one. Nothing is lost by that: all work is leased.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import connection

from opsportal.core import clock
from opsportal.core.clock import real_now
from opsportal.schedule.holding import holder
from opsportal.schedule.loops import Loop
from opsportal.schedule.models import LoopPulse
from opsportal.schedule.wake import WAKE_CHANNEL

logger = structlog.get_logger(__name__)
PULSE_EVERY: Final = 5.0
HANG_GRACE: Final = 15.0
KEEP_CONNECTION_UNDER: Final = 30.0  # a loop that polls more rarely gives its connection back between passes


@dataclass(slots=True)
class LoopThread:
    """One loop on its own thread and connection; the counters are since the last pulse."""

    loop: Loop
    stop: threading.Event
    woken: threading.Event = field(default_factory=threading.Event)
    busy_since: float | None = None
    items: int = 0
    passes: int = 0
    failures: int = 0
    seconds: float = 0.0
    ok_at: datetime | None = None
    last_error: str = ""
    error_at: datetime | None = None
    thread: threading.Thread | None = None
    limited: object = None  # the connection whose statements are cut off at the loop's limit

    def start(self) -> None:
        self.thread = threading.Thread(target=self._work, name=self.loop.name, daemon=True)
        self.thread.start()

    def hangs(self) -> bool:
        return self.busy_since is not None and time.monotonic() - self.busy_since > self.loop.limit + HANG_GRACE

    def is_well(self) -> bool:
        alive = self.thread is not None and self.thread.is_alive()
        return alive and (self.busy_since is None or time.monotonic() - self.busy_since <= self.loop.limit)

    def _work(self) -> None:
        failed_in_row = 0
        while not self.stop.is_set():
            self.woken.clear()
            try:
                again = self._one_pass()
                failed_in_row = 0
            except Exception as error:  # noqa: BLE001 - the edge of a loop: it is recorded, shown, and tried again
                again = False
                failed_in_row += 1
                self._record_failure(error)
            if not again and not self.stop.is_set():
                wait = min(30.0, self.loop.every * 2 ** min(failed_in_row, 5)) if failed_in_row else self.loop.every
                self._rest(wait)
        connection.close()

    def _rest(self, wait: float) -> None:
        if self.loop.every >= KEEP_CONNECTION_UNDER:
            connection.close()
        self.woken.wait(wait)

    def _one_pass(self) -> bool:
        self.busy_since = time.monotonic()
        try:
            self._limit_statements()
            done = self.loop.run(clock.now())
        finally:
            self.seconds += time.monotonic() - self.busy_since
            self.busy_since = None
        self.items += done
        self.passes += 1
        self.ok_at = real_now()
        return done > 0

    def _limit_statements(self) -> None:
        """Once for each new connection: a statement of its own in every pass is a third of an idle loop's work."""
        connection.ensure_connection()
        if connection.connection is not self.limited:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{int(self.loop.limit * 1000)}"])
            self.limited = connection.connection

    def _record_failure(self, error: Exception) -> None:
        self.failures += 1
        self.last_error = f"{type(error).__name__}: {error}"[:500]
        self.error_at = real_now()
        logger.warning("dispatcher.loop_failed", loop=self.loop.name, error=self.last_error, exc_info=error)
        connection.close()  # a broken connection is the usual reason: begin the next pass with a fresh one


class Listener:
    """Hears `wake(channel)` from every process and wakes the loops of that channel. Reconnects by itself."""

    def __init__(self, threads: list[LoopThread], stop: threading.Event) -> None:
        self._threads = threads
        self._by_channel: dict[str, list[LoopThread]] = {}
        for item in threads:
            if item.loop.channel:
                self._by_channel.setdefault(item.loop.channel, []).append(item)
        self._stop = stop

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError) as error:
                logger.warning("dispatcher.listen_failed", error=str(error))
                self._stop.wait(1.0)

    def _listen(self) -> None:
        with psycopg.connect(**listen_parameters(), autocommit=True) as listening:
            listening.execute(f"LISTEN {WAKE_CHANNEL}")
            for item in self._threads:  # what was signalled while nobody listened, and what backs off without need
                item.woken.set()
            while not self._stop.is_set():
                for notice in listening.notifies(timeout=0.5):
                    for item in self._by_channel.get(notice.payload, []):
                        item.woken.set()
                    if self._stop.is_set():
                        return


def listen_parameters() -> dict[str, Any]:
    """What psycopg needs for a connection of its own to the portal's database."""
    wanted = connection.get_connection_params()
    keep = ("dbname", "user", "password", "host", "port", "connect_timeout", "sslmode", "sslrootcert", "service")
    found = {name: wanted[name] for name in keep if name in wanted}
    return found | {"application_name": "opsportal-listen", "keepalives_idle": 10, "keepalives_interval": 5}


def write_pulses(threads: list[LoopThread]) -> None:
    """One statement for all loops that are well; a hanging or dead one is left out, and grows old."""
    now, name = real_now(), holder()
    well = sorted((item for item in threads if item.is_well()), key=lambda item: item.loop.name)
    if not well:
        return
    rows = [
        (
            item.loop.name, name, item.loop.every, item.loop.limit, now, item.ok_at,
            item.items, item.passes, item.failures, item.seconds, item.last_error, item.error_at,
        )
        for item in well
    ]  # fmt: skip
    values = ", ".join(["(%s, %s, %s, %s, %s, %s::timestamptz, %s, %s, %s, %s, %s, %s::timestamptz)"] * len(rows))
    table = LoopPulse._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {table} AS p (name, holder, every, "limit", pulse_at, ok_at, items, passes, failures, seconds,
                                      last_error, error_at)
            VALUES {values}
            ON CONFLICT (name) DO UPDATE SET
                holder = excluded.holder, every = excluded.every, "limit" = excluded."limit",
                pulse_at = excluded.pulse_at, ok_at = coalesce(excluded.ok_at, p.ok_at),
                items = p.items + excluded.items, passes = p.passes + excluded.passes,
                failures = p.failures + excluded.failures, seconds = p.seconds + excluded.seconds,
                last_error = CASE WHEN excluded.error_at IS NULL THEN p.last_error ELSE excluded.last_error END,
                error_at = coalesce(excluded.error_at, p.error_at)
            """,  # noqa: S608 - a table name of ours, no input
            [value for row in rows for value in row],
        )
    for item, row in zip(well, rows, strict=True):
        # Another pass may have counted on meanwhile: take away only what was written.
        item.items -= row[6]
        item.passes -= row[7]
        item.failures -= row[8]
        item.seconds -= row[9]


def run_dispatcher(loops: list[Loop], *, stop: threading.Event, on_ready: Callable[[], None] = lambda: None) -> int:
    """Run the loops until `stop` is set; returns the exit code: 0, or 1 when a pass hangs past its limit."""
    threads = [LoopThread(loop, stop) for loop in loops]
    listener = threading.Thread(target=Listener(threads, stop).run, name="listener", daemon=True)
    for item in threads:
        item.start()
    listener.start()
    on_ready()
    code, next_pulse = 0, 0.0
    while not stop.wait(1.0):
        hanging = [item.loop.name for item in threads if item.hangs()]
        if hanging:
            logger.error("dispatcher.loop_hangs", loops=hanging)
            code = 1
            stop.set()
        if time.monotonic() >= next_pulse:
            next_pulse = time.monotonic() + PULSE_EVERY
            try:
                write_pulses(threads)
            except DatabaseError as error:
                logger.warning("dispatcher.pulse_failed", error=str(error))
                connection.close()
    for item in threads:
        item.woken.set()
    deadline = time.monotonic() + 1.2
    for worker in [*(item.thread for item in threads if item.thread), listener]:
        worker.join(timeout=max(0.0, deadline - time.monotonic()))
    connection.close()
    return code
