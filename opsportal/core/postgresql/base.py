"""Django's PostgreSQL backend that never waits long for a server that is away, frozen or cut off.

A page must say so within two seconds; libpq waits at least two for a connection, and for ever for an answer.
"""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from threading import Thread
from time import monotonic
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from psycopg.generators import execute
from psycopg.pq import ExecStatus

ANSWER_SECONDS: Final = 1.5
PAUSE_SECONDS: Final = 1.0  # after a failure nobody tries for that long: each try would cost its thread the wait
_away_until = 0.0


def _note_away() -> None:
    global _away_until  # noqa: PLW0603 - one server for all threads of the process
    _away_until = monotonic() + PAUSE_SECONDS


def _close_late(late: "Future[Any]") -> None:
    if late.exception() is None:
        late.result().close()


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects, and looks whether a kept connection still answers, within `ANSWER_SECONDS` each."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if monotonic() < _away_until:
            raise psycopg.OperationalError("PostgreSQL did not answer a moment ago.")
        connect, coming = super().get_new_connection, Future[Any]()

        def work() -> None:
            try:
                coming.set_result(connect(conn_params))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                coming.set_exception(error)

        # A thread of its own, not a pool's: Celery forks, and a pool's threads stay behind.
        Thread(target=work, name="connect", daemon=True).start()
        try:
            return coming.result(ANSWER_SECONDS)
        except LateError as error:
            _note_away()
            coming.add_done_callback(_close_late)
            raise psycopg.OperationalError("PostgreSQL takes no connection.") from error
        except psycopg.OperationalError:
            _note_away()
            raise

    def is_usable(self) -> bool:
        if self.connection is None:
            return False
        begun = monotonic()
        try:
            self.connection.pgconn.send_query(b"SELECT 1")
            results = self.connection.wait(execute(self.connection.pgconn), timeout=ANSWER_SECONDS)
        except psycopg.Error:
            if monotonic() - begun >= ANSWER_SECONDS:
                _note_away()  # frozen: a new connection would wait as long
            return False
        return all(result.status == ExecStatus.TUPLES_OK for result in results)
