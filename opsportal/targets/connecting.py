"""Open a connection to a name: resolve, check every address, connect to what was checked, within one deadline.

The check stands at the connect itself, so a name that answers a public address first and an inward one later gains
nothing.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
from httpcore import NetworkBackend, NetworkStream

from opsportal.targets.addresses import BlockedAddressError, require_allowed


class Deadline:
    """A point in time by which all of it must be over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; at least a trace, so that the next operation times out by itself."""
        return max(0.001, self._at - time.monotonic())

    def is_over(self) -> bool:
        return time.monotonic() >= self._at


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    """Ask the system's resolver, which has no timeout, on a thread that may be left behind. Raises OSError."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(deadline.left())
    answer = found[0] if found else TimeoutError(f"The name {host} was not resolved in time.")
    if isinstance(answer, Exception):
        raise answer
    return list(answer)


def checked_addresses(host: str, port: int, purpose: str, deadline: Deadline) -> list[str]:
    """Every numeric address of the name. Raises BlockedAddressError when any of them is refused, else OSError."""
    found = _resolve(host, port, deadline)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        require_allowed(address, purpose)
    return addresses


def open_socket(host: str, port: int, purpose: str, deadline: Deadline) -> socket.socket:
    """A connected TCP socket. Raises BlockedAddressError, OSError."""
    last: OSError | None = None
    try:
        addresses = checked_addresses(host, port, purpose, deadline)
    except UnicodeError as error:  # an empty label, or one of more than 63 signs
        raise OSError("The host name cannot be written.") from error
    for address in addresses:
        try:
            return socket.create_connection((address, port), deadline.left())
        except OSError as error:
            last = error
    raise last or OSError(f"{host} has no address.")


class _DeadlineStream(NetworkStream):
    """A stream whose every read and write ends with the whole request's deadline."""

    def __init__(self, inner: NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def _timeout(self, timeout: float | None) -> float:
        if self._deadline.is_over():
            raise httpcore.ReadTimeout("The whole request took too long.")
        return min(timeout, self._deadline.left()) if timeout is not None else self._deadline.left()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._timeout(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._timeout(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._timeout(timeout))
        return _DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(NetworkBackend):
    """httpcore's way to the network, with the address check in it."""

    def __init__(self, purpose: str, deadline: Deadline) -> None:
        self._purpose = purpose
        self._deadline = deadline
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        del timeout, local_address, socket_options
        try:
            addresses = checked_addresses(host, port, self._purpose, self._deadline)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        last: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in addresses:
            try:
                # By number: nothing is resolved a second time. TLS still asks for the name.
                stream = self._inner.connect_tcp(address, port, timeout=self._deadline.left())
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                last = error
                continue
            return _DeadlineStream(stream, self._deadline)
        raise last or httpcore.ConnectError(f"{host} has no address.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> NetworkStream:
        del timeout, socket_options
        raise BlockedAddressError(f"HTTP over the socket {path} is not allowed.")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._deadline.left()))
