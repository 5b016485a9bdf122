"""Outbound HTTP: the only way the portal calls an address that a person typed in.

No proxy from the environment, no redirect followed, ten seconds in all, 64 KB read, the address checked at connect.
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import certifi
import httpcore

from opsportal.targets.connecting import Deadline, GuardedBackend

TOTAL_SECONDS: Final = 10.0
MAX_BYTES: Final = 65_536
MAX_PORT: Final = 65_535
OWN_HEADERS: Final = {"User-Agent": "opsportal", "Accept-Encoding": "identity", "Connection": "close"}


class TargetError(Exception):
    """The target did not answer as HTTP says it should. `is_permanent`: the address itself is wrong."""

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `body` is cut at 64 KB (`is_cut`), header names are lower case.

    `certificate` is the leaf that a trusted host showed, as DER; empty over plain HTTP.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    is_cut: bool
    certificate: bytes = b""


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def fetch(
    *,
    purpose: str,
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """One request, one answer; a redirect is an answer like any other.

    `purpose` names the allow-list (TARGET_NETWORKS). Raises BlockedAddressError, TargetError.
    """
    import httpx  # only who asks an address loads it

    try:
        parts = httpx.URL(url)  # international names and signs come out as plain ASCII
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise TargetError(f"This is no address: {error}.", is_permanent=True) from error
    if parts.scheme not in ("http", "https") or not parts.host or parts.userinfo or (parts.port or 1) > MAX_PORT:
        raise TargetError("An address is http:// or https:// with a host, and no sign-in in it.", is_permanent=True)
    deadline, started = Deadline(min(seconds, TOTAL_SECONDS)), time.monotonic()
    sent = list({**OWN_HEADERS, **(headers or {})}.items())
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=_trust(), network_backend=GuardedBackend(purpose, deadline), max_connections=1
            ) as pool,
            pool.stream(method, str(parts), headers=sent, content=body) as response,
        ):
            certificate = _leaf(response)
            content, is_cut = _read(response)
            names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, names, content, time.monotonic() - started, is_cut, certificate)
    except httpcore.UnsupportedProtocol as error:
        raise TargetError(f"This is no address: {error}.", is_permanent=True) from error
    except httpcore.TimeoutException as error:
        raise TargetError("No answer in time.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise TargetError(f"No answer: {error}.") from error
    except UnicodeError as error:
        raise TargetError("The host name cannot be written.", is_permanent=True) from error


def _leaf(response: httpcore.Response) -> bytes:
    stream = response.extensions.get("network_stream")
    opened = stream.get_extra_info("ssl_object") if isinstance(stream, httpcore.NetworkStream) else None
    return (opened.getpeercert(binary_form=True) if isinstance(opened, ssl.SSLObject | ssl.SSLSocket) else None) or b""


def _read(response: httpcore.Response) -> tuple[bytes, bool]:
    chunks, size = [], 0
    for chunk in response.iter_stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_BYTES:
            return b"".join(chunks)[:MAX_BYTES], True
    return b"".join(chunks), False
