"""Ask one health question of the outside: HTTP, TCP, TLS or a database's `select 1`, within its time limit.

Called on threads of the probe loop: no rows are read here.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from opsportal.core.refusals import RefusedError
from opsportal.targets import tls
from opsportal.targets.addresses import BlockedAddressError
from opsportal.targets.connecting import Deadline, open_socket
from opsportal.targets.database import DatabaseTarget, DatabaseTargetError, TargetUnsetError, read_rows
from opsportal.targets.http import TargetError, fetch

PURPOSE: Final = "health_probe"  # of TARGET_NETWORKS; databases keep their own
SAID: Final = 240
MOST_PORT: Final = 65_535
_STATUSES: Final = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


class ProbeError(RefusedError):
    """The question can never be asked; the text is a sentence for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one probe asks. `seconds` is the limit of the whole answer; `target` belongs to a database."""

    kind: str
    address: str = ""
    statuses: str = "200-299"
    body_text: str = ""
    cert_days: int = 0
    seconds: int = 5
    target: DatabaseTarget | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer. `ok` is None when nothing could be asked: that is neither up nor down.

    `ms` is None where nothing was asked, and the time waited where no answer came. `cert_ends_at` is the
    end of the certificate that was shown.
    """

    ok: bool | None
    said: str
    ms: float | None = None
    cert_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an answer showed, and what is wrong with it."""

    said: str
    wrong: str = ""
    cert_ends_at: datetime | None = None


def status_ranges(text: str) -> list[tuple[int, int]]:
    """`200-299, 401` as pairs of first and last. Raises ProbeError."""
    found = []
    for part in text.replace(",", " ").split():
        match = _STATUSES.fullmatch(part)
        if match is None:
            raise ProbeError(f"{part!r} is no HTTP status such as 200 or 200-299.")
        found.append((int(match[1]), int(match[2] or match[1])))
    if not found or any(first > last for first, last in found):
        raise ProbeError("Name the HTTP statuses that are fine, such as 200-299.")
    return found


def host_port(address: str) -> tuple[str, int]:
    """`shop.example.com:443` as host and port. Raises ProbeError."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProbeError(f"{address!r} is no host with a port such as shop.example.com:443.") from error
    if not host or not port or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ProbeError(f"{address!r} is no host with a port such as shop.example.com:443.")
    return host, port


def check_question(question: Question) -> None:
    """Raise ProbeError when the question can never be asked; nothing is sent."""
    if question.kind == "http":
        status_ranges(question.statuses)
        _check_url(question.address)
    elif question.kind in ("tcp", "tls"):
        host_port(question.address)
    elif question.target is None:
        raise ProbeError("Name the database that is asked.")


def _check_url(address: str) -> None:
    wrong = "An address begins with http:// or https://, has a host and a port up to 65535, and no sign-in in it."
    try:
        parts = urlsplit(address)
        is_fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError as error:
        raise ProbeError(wrong) from error
    if not is_fine:
        raise ProbeError(wrong)


def ask(question: Question, *, at: datetime) -> Outcome:
    """Put the question; never raises for what the outside does. `at` is the (real) time certificates are judged by."""
    begun = time.monotonic()
    try:
        seen = _ASK[question.kind](question, at)
    except (BlockedAddressError, TargetUnsetError, ProbeError) as error:
        return Outcome(None, f"Not asked: {error}"[:SAID])
    except (TargetError, DatabaseTargetError, OSError) as error:
        # The time waited is a latency too: without it an outage in which nothing answers would leave none behind.
        return Outcome(False, str(error)[:SAID], (time.monotonic() - begun) * 1000)
    ms = (time.monotonic() - begun) * 1000
    wrong = seen.wrong
    if not wrong and ms > question.seconds * 1000:
        wrong = f"It answered after {ms / 1000:.1f} s; the limit is {question.seconds} s."
    return Outcome(not wrong, (wrong or seen.said)[:SAID], ms, seen.cert_ends_at)


def _http(question: Question, at: datetime) -> _Seen:
    answer = fetch(purpose=PURPOSE, url=question.address, seconds=question.seconds)
    ends_at = tls.read_certificate(answer.certificate).not_after if answer.certificate else None
    said = f"HTTP {answer.status}"
    if not any(first <= answer.status <= last for first, last in status_ranges(question.statuses)):
        return _Seen(said, f"{said}; {question.statuses} is expected.", ends_at)
    if question.body_text and question.body_text not in answer.body.decode("utf-8", "replace"):
        within = " in the first 64 KB" if answer.is_cut else ""
        return _Seen(said, f"{said}, but “{question.body_text}” does not stand in the answer{within}.", ends_at)
    return _Seen(said, _certificate_problem(question, ends_at, at), ends_at)


def _certificate_problem(question: Question, ends_at: datetime | None, at: datetime) -> str:
    if not question.cert_days:
        return ""
    if ends_at is None:
        return "No certificate was shown."
    days = (ends_at - at).days
    if days >= question.cert_days:
        return ""
    return f"The certificate ends in {days} days; at least {question.cert_days} are wanted."


def _tls(question: Question, at: datetime) -> _Seen:
    host, port = host_port(question.address)
    found = tls.probe(purpose=PURPOSE, host=host, port=port, seconds=question.seconds)
    wrong = f"The certificate is not trusted: {found.verify_error}." if found.verify_error else ""
    wrong = wrong or _certificate_problem(question, found.not_after, at)
    return _Seen(f"Certificate of {found.subject}, {(found.not_after - at).days} days left", wrong, found.not_after)


def _tcp(question: Question, _at: datetime) -> _Seen:
    host, port = host_port(question.address)
    open_socket(host, port, PURPOSE, Deadline(question.seconds)).close()
    return _Seen("Connected")


def _database(question: Question, _at: datetime) -> _Seen:
    assert question.target is not None, "check_question refuses a database probe without one"
    rows = read_rows(question.target, "SELECT 1 AS one")
    return _Seen("It answered select 1") if rows == [{"one": 1}] else _Seen("", "It did not answer select 1.")


_ASK: Final[Mapping[str, Callable[[Question, datetime], _Seen]]] = {
    "http": _http,
    "tcp": _tcp,
    "tls": _tls,
    "database": _database,
}
