"""SQL on a platform's own database, by two connections.

`read_rows` (and `reading`, for several questions) opens read-only transactions and cannot write. `maintain` runs one
statement of a known shape with quoted identifiers, `signal_session` ends one named session or its statement; both only
inside `plan_execution()`, which the execution of an approved plan enters and nobody else.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from opsportal.targets.addresses import require_allowed_socket
from opsportal.targets.connecting import Deadline, open_socket

PURPOSE: Final = "database"
CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 10
MAINTAIN_SECONDS: Final = 180
LOCK_SECONDS: Final = 2
MAX_ROWS: Final = 10_000
# What maintenance is made of; everything else is refused before a connection is opened.
_STATEMENTS: Final = re.compile(
    r"(ANALYZE|VACUUM( \((ANALYZE|VERBOSE|SKIP_LOCKED|, )+\))?|REINDEX (INDEX|TABLE) CONCURRENTLY) \{\}(\.\{\})?"
)
# The session is named by more than its number, in the very statement that signals it.
_SIGNALS: Final = {
    "cancel": "SELECT pg_cancel_backend(pid) AS sent FROM pg_stat_activity"
    " WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz AND backend_type = 'client backend'"
    " AND query_start = %(statement_began)s::timestamptz",
    "terminate": "SELECT pg_terminate_backend(pid, 3000) AS sent FROM pg_stat_activity"
    " WHERE pid = %(pid)s AND backend_start = %(began)s::timestamptz AND backend_type = 'client backend'",
}
_in_plan: ContextVar[bool] = ContextVar("targets_in_plan", default=False)


class DatabaseTargetError(Exception):
    """The platform's database refused, or does not answer."""


class TargetUnsetError(DatabaseTargetError):
    """Nothing says how to reach the database: it was not asked."""


class AnswerLostError(DatabaseTargetError):
    """The connection was lost, or the time over, after the statement was sent: it may have been carried out."""


class MaintainRefusedError(Exception):
    """The statement is not one of maintenance, or no approved plan is being executed."""


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """How to reach a database as one role: a variable that holds its DSN, or a socket folder, database and role.

    No password is kept: with a socket there is none, with a DSN it stays in the environment.
    """

    dsn_env: str = ""
    socket_dir: str = ""
    database: str = ""
    role: str = ""

    def parameters(self) -> dict[str, Any]:
        """What psycopg needs; every address is checked. Raises BlockedAddressError, DatabaseTargetError."""
        if self.socket_dir:
            require_allowed_socket(self.socket_dir, PURPOSE)
            return {"host": self.socket_dir, "dbname": self.database, "user": self.role}
        dsn = os.environ.get(self.dsn_env, "")
        if not dsn:
            raise TargetUnsetError(f"The variable {self.dsn_env} is not set.")
        try:
            parameters: dict[str, Any] = dict(conninfo_to_dict(dsn))
        except psycopg.Error as error:
            raise TargetUnsetError(f"{self.dsn_env} is no connection string.") from error
        if self.role:
            parameters["user"] = self.role
        return parameters | _pinned(parameters)


def _pinned(parameters: Mapping[str, Any]) -> dict[str, Any]:
    host, port = str(parameters.get("host") or ""), int(parameters.get("port") or 5432)
    if "," in host or "hostaddr" in parameters or "service" in parameters:
        raise DatabaseTargetError("One host, please: no list, no hostaddr, no service.")
    if host.startswith("/") or not host:
        require_allowed_socket(host or "/var/run/postgresql", PURPOSE)
        return {}
    try:
        # libpq resolves by itself: give it the very address that was checked, the name stays for TLS.
        with open_socket(host, port, PURPOSE, Deadline(CONNECT_SECONDS)) as probe:
            return {"hostaddr": str(probe.getpeername()[0])}
    except OSError as error:
        raise DatabaseTargetError(f"The database does not answer: {error}.") from error


@contextmanager
def _connect(target: DatabaseTarget, *, is_reading: bool) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    seconds = READ_SECONDS if is_reading else MAINTAIN_SECONDS
    options = f"-c statement_timeout={seconds}s -c lock_timeout={LOCK_SECONDS}s -c search_path=pg_catalog"
    if is_reading:
        options += " -c default_transaction_read_only=on"
    try:
        with psycopg.connect(
            **target.parameters(),
            connect_timeout=CONNECT_SECONDS,
            application_name="opsportal",
            # A host that vanishes in the middle of an answer is noticed after 11 s, not after hours.
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
            options=options,
            autocommit=True,
            row_factory=dict_row,
        ) as opened:
            yield opened
    except psycopg.Error as error:
        raise DatabaseTargetError(_first_line(error)) from error


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0][:300]


class Reader:
    """One open connection that only reads, until its time is over; each question is a transaction of its own."""

    def __init__(self, opened: psycopg.Connection[dict[str, Any]], deadline: Deadline) -> None:
        self._opened = opened
        self._deadline = deadline

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """The rows of one SELECT, at most 10,000, with `search_path` pg_catalog. Raises DatabaseTargetError."""
        if self._deadline.is_over():
            raise DatabaseTargetError("Not asked: the questions before took all the time.")
        try:
            with self._opened.transaction(), self._opened.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute(statement.encode(), parameters)
                return cursor.fetchmany(MAX_ROWS)
        except psycopg.Error as error:
            raise DatabaseTargetError(_first_line(error)) from error


@contextmanager
def reading(target: DatabaseTarget, *, seconds: float) -> Iterator[Reader]:
    """One connection for several questions, none of which begins after `seconds`.

    Raises BlockedAddressError, DatabaseTargetError.
    """
    with _connect(target, is_reading=True) as opened:
        yield Reader(opened, Deadline(seconds))


def read_rows(target: DatabaseTarget, statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The rows of one SELECT, at most 10,000, in a read-only transaction with `search_path` pg_catalog.

    Raises BlockedAddressError, DatabaseTargetError.
    """
    with reading(target, seconds=READ_SECONDS) as reader:
        return reader.rows(statement, parameters)


@contextmanager
def plan_execution() -> Iterator[None]:
    """Open the maintaining connection for the calls of one approved plan; entered by `plans` alone."""
    token = _in_plan.set(True)
    try:
        yield
    finally:
        _in_plan.reset(token)


def maintain(target: DatabaseTarget, statement: str, identifiers: Sequence[str]) -> None:
    """Run one maintenance statement, `{}` standing for each quoted identifier: `ANALYZE {}.{}`.

    Raises MaintainRefusedError, BlockedAddressError, DatabaseTargetError.
    """
    if not _in_plan.get():
        raise MaintainRefusedError("Only the execution of an approved plan maintains a database.")
    if _STATEMENTS.fullmatch(statement) is None:
        raise MaintainRefusedError(f"{statement!r} is not a maintenance statement.")
    composed = sql.SQL(statement).format(*(sql.Identifier(name) for name in identifiers))
    with _connect(target, is_reading=False) as opened:
        opened.execute(composed)


def signal_session(target: DatabaseTarget, signal: str, pid: int, *, began: str, statement_began: str = "") -> bool:
    """Cancel the statement of one session, or end the session; `signal` is cancel or terminate.

    False when PostgreSQL sent nothing: no such session, or (terminate) it was not gone after 3 s.
    Raises MaintainRefusedError, BlockedAddressError, AnswerLostError once it may have been sent, DatabaseTargetError.
    """
    if not _in_plan.get():
        raise MaintainRefusedError("Only the execution of an approved plan ends sessions.")
    named = {"pid": pid, "began": began, "statement_began": statement_began or None}
    with _connect(target, is_reading=False) as opened:
        try:
            row = opened.execute(_SIGNALS[signal], named).fetchone()
        except psycopg.OperationalError as error:
            raise AnswerLostError(_first_line(error)) from error
    return row is not None and bool(row["sent"])
